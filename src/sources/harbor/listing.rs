//! Pages put together, by what came and not by what was announced.

use std::collections::BTreeMap;

use super::answers::{Page, Project};
use super::limits::HarborLimits;

/// Most faults of entries that are told one by one.
const FAULTS_MAX: usize = 10;

/// The projects of a list.
#[derive(Debug, Default)]
pub struct Listing {
    /// By their numbers.
    pub projects: BTreeMap<i64, Project>,
    /// What is wrong with it, a line each.
    pub faults: Vec<String>,
    entries: usize,
    total: Option<usize>,
    /// The pages did not fit each other.
    is_torn: bool,
}

/// Whether there is more to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The page with this number.
    Page(u32),
    /// Nothing.
    End,
}

impl Listing {
    /// Adds the page with this number, the first of which is 1.
    ///
    /// A full page is followed by another one whatever the total says, which
    /// may be that of a moment ago; the list ends with a page that is empty,
    /// brings nothing new, or is not full and reaches the total.
    pub fn add(&mut self, number: u32, page: Page, limits: &HarborLimits) -> Next {
        let (entries, known) = (page.entries(), self.projects.len());
        self.is_torn |= number > 1 && page.total != self.total;
        self.total = page.total;
        self.entries += entries;
        let room = FAULTS_MAX.saturating_sub(self.faults.len());
        let faults = page.faults.iter().take(room);
        self.faults
            .extend(faults.map(|fault| format!("page {number} holds what is no project: {fault}")));
        self.is_torn |= !page.faults.is_empty();
        for project in page.projects {
            self.is_torn |= self.projects.insert(project.id, project).is_some();
        }
        let is_new = self.projects.len() > known || !page.faults.is_empty();
        let is_complete = self.total.is_none_or(|total| self.entries >= total);
        if entries == 0 || !is_new || (entries < limits.page_projects && is_complete) {
            self.is_torn |= self.total.is_some_and(|total| total != self.entries);
            return Next::End;
        }
        if number >= limits.pages {
            self.faults.push(format!(
                "there are more than {number} pages of projects: the rest is not read"
            ));
            self.is_torn = true;
            return Next::End;
        }
        Next::Page(number + 1)
    }

    /// Whether a project that is not in it is gone. Projects that come and go
    /// while pages are read move others from page to page.
    pub fn is_whole(&self) -> bool {
        !self.is_torn
    }

    /// What to tell of a list that is not whole.
    pub fn torn(&self) -> Option<String> {
        let told = self.total.map_or_else(String::new, |total| format!(" of {total}"));
        let came = self.projects.len();
        let why = format!(
            "the pages of projects do not fit together: {came}{told} came; what is missing \
             keeps its last rules"
        );
        (self.is_torn && self.faults.is_empty()).then_some(why)
    }
}
