use detour::rules::Kind;
use detour::rules::schema::{definition, definition_name};
use std::{env, fs};

#[test]
fn the_chart_has_the_definitions() {
    for kind in [Kind::ClusterImageMap, Kind::ImageMap] {
        let name = definition_name(kind);
        let file = format!("{}/chart/files/crds/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let wanted = format!("{:#}\n", definition(kind));
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&file, &wanted).unwrap();
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), wanted, "refresh with UPDATE_GOLDEN=1");
    }
}
