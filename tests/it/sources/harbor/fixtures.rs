//! What kubernetes-mimic made of two Harbors, and what it missed in them.

use bumpalo::Bump;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use detour::mapping::Mapping;
use detour::mapping::scope::Pod;
use detour::reference::Reference;
use detour::sources::harbor::Harbor;
use detour::sources::{Update, config_map};
use serde_json::{Value, json};

use super::site::Fake;
use super::{BOUNDS, Files};
use crate::kube::script::Reply;
use crate::sources::Served;

struct Case {
    directory: PathBuf,
    registry: &'static str,
    served: Served,
}

impl Case {
    /// The ConfigMap and the Harbor of a case, both in force.
    fn new(name: &str, registry: &'static str, set: Option<&str>) -> Self {
        let directory =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/harbor").join(name);
        let fake = Fake::new();
        let files = Files::new(&fake);
        let mut settings = files.settings(&fake.url());
        settings.registry = set.map(str::to_owned);
        let (served, places) = Served::new(&["configmap:mimic/mimic-mirrors", "harbor"]);
        let case = Self { directory, registry, served };
        for project in case.json("projects.json").as_array().unwrap() {
            let name = project["name"].as_str().unwrap().to_owned();
            fake.site().projects.insert(name, project.clone());
        }
        let directory = case.directory.clone();
        fake.site().hook = Box::new(move |path| {
            let file = match path
                .strip_prefix("/projects/")
                .and_then(|rest| rest.strip_suffix("/summary"))
            {
                Some(project) => format!("summary/{project}.json"),
                None => path.strip_prefix("/systeminfo").map(|_| "systeminfo.json".to_owned())?,
            };
            Some(Reply::Answer(200, String::new(), fs::read(directory.join(file)).unwrap()))
        });
        let (update, _) = Harbor::new(settings, BOUNDS).refresh(0.0);
        places[1].update(update);
        let config_map: Value = serde_saphyr::from_str(&case.text("configmap.yaml")).unwrap();
        let data = serde_json::from_value(json!({"data": config_map["data"]})).unwrap();
        let name =
            config_map::Name { namespace: "mimic".to_owned(), name: "mimic-mirrors".to_owned() };
        places[0].update(Update::of_documents(config_map::load(&name, &data)));
        assert_eq!(case.served.published.load().faults, [""; 0]);
        case
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file)).unwrap()
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.text(file)).unwrap()
    }

    fn table(&self, file: &str) -> Vec<Vec<String>> {
        let text = self.text(file);
        let rows = text.lines().skip(1);
        rows.map(|row| row.split('\t').map(str::to_owned).collect()).collect()
    }

    /// Registry and mirror, of which some are what mimic missed.
    fn mirrors(&self) -> BTreeMap<String, String> {
        let found =
            self.table("mirrors.tsv").into_iter().map(|row| (row[0].clone(), row[1].clone()));
        let missed = self.table("missed.tsv").into_iter();
        found
            .chain(missed.map(|row| (row[0].clone(), format!("{}/{}", self.registry, row[1]))))
            .collect()
    }

    fn check(&self) {
        let snapshot = self.served.published.load();
        let in_force: BTreeMap<String, String> = self
            .served
            .rules()
            .into_iter()
            .map(|line| {
                let (_, rule) = line.split_once(" prefix ").unwrap();
                let (prefix, target) = rule.split_once(' ').unwrap();
                (prefix.to_owned(), target.to_owned())
            })
            .collect();
        for (registry, mirror) in self.mirrors() {
            assert_eq!(in_force.get(&registry), Some(&mirror), "{registry}");
        }
        let rows = self.table("cases.tsv");
        assert!(rows.len() > 60);
        for row in rows {
            self.check_row(&snapshot.mapping, &row[0], &row[1], &row[2]);
        }
    }

    fn check_row(&self, mapping: &Mapping, input: &str, output: &str, note: &str) {
        let (arena, pod) = (Bump::new(), Pod { namespace: "shop", ..Pod::default() });
        let result = mapping.decide(input, &pod, &arena).image;
        let pulled = result.as_ref().map(|image| with_tag(&image.to_string()));
        let registry = Reference::parse(input).ok().map(|image| image.registry().to_owned());
        let below = |mirror: &str| {
            let result = pulled.as_ref().unwrap_or_else(|| panic!("{input} is left alone"));
            assert!(result.starts_with(&format!("{mirror}/")), "{input}: {result}");
        };
        match note {
            "rewritten" => assert_eq!(pulled, Some(with_tag(output)), "{input}"),
            "same" | "error" | "defect:invalid-reference-not-rejected" => {
                assert_eq!(pulled, None, "{input}");
            }
            "defect:tag-dropped-when-digest-present" => {
                let (result, output) = (result.unwrap(), Reference::parse(output).unwrap());
                assert_eq!(result.name(), output.name(), "{input}");
                assert!(result.tag().is_some() && result.digest() == output.digest(), "{input}");
            }
            "defect:docker-hub-alias-not-recognised" => below("harbor.corp.example/dockerhub"),
            "defect:harbor-hub-endpoint-not-recognised" => {
                below("registry.corp.example:30002/dockerhub-official");
            }
            "defect:harbor-proxy-project-missed" => below(&self.mirrors()[&registry.unwrap()]),
            other => panic!("{other}"),
        }
    }
}

/// As a kubelet pulls it.
fn with_tag(image: &str) -> String {
    let image = Reference::parse(image).unwrap();
    match (image.tag(), image.digest()) {
        (None, None) => format!("{image}:latest"),
        _ => image.to_string(),
    }
}

#[test]
fn a_harbor_that_tells_its_registry() {
    Case::new("discovery", "harbor.corp.example", None).check();
}

#[test]
fn a_harbor_whose_registry_is_set() {
    let registry = "registry.corp.example:30002";
    Case::new("override", registry, Some(registry)).check();
}
