//! Pods that controllers make: the pods change, what they are made from does
//! not.

use serde_json::{Value, json};

use crate::control_plane::with_controllers;
use crate::fixture::Fixture;
use crate::objects::{images, template};
use crate::wait::{wait_for, wait_until};

const WRITTEN: [&str; 2] = ["upstream.example/init:1", "upstream.example/web:1"];
const REWRITTEN: [&str; 2] = ["mirror.example/up/init:1", "mirror.example/up/web:1"];

fn workload(kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template(name)},
    })
}

fn job_spec(name: &str) -> Value {
    let mut template = template(name);
    template["spec"]["restartPolicy"] = Value::from("Never");
    json!({"parallelism": 2, "completions": 2, "template": template})
}

/// Waits for the pods of an application; all have to be rewritten.
fn assert_rewritten(fixture: &Fixture, app: &str, count: usize) -> Vec<Value> {
    let pods = wait_for("the controller makes its pods", || {
        let pods = fixture.pods_of(app);
        (pods.len() == count).then_some(pods)
    });
    for pod in &pods {
        assert_eq!(images(pod), REWRITTEN);
    }
    pods
}

impl Fixture {
    /// Creates an object of a group below the namespace.
    fn create_in(&self, group: &str, resource: &str, object: &Value) {
        self.api.create(&self.path_in(group, resource), object);
    }

    fn path_in(&self, group: &str, resource: &str) -> String {
        format!("/apis/{group}/namespaces/{}/{resource}", self.namespace)
    }

    fn get_in(&self, group: &str, resource: &str) -> Value {
        self.api.get(&self.path_in(group, resource))
    }
}

#[test]
fn pods_of_a_deployment_are_rewritten_and_its_templates_are_not() {
    let Some(cluster) = with_controllers() else { return };
    let fixture = Fixture::new(cluster, "deployment");
    let mut deployment = workload("Deployment", "web");
    deployment["spec"]["replicas"] = Value::from(2);
    fixture.create_in("apps/v1", "deployments", &deployment);
    assert_rewritten(&fixture, "web", 2);
    let stored = fixture.get_in("apps/v1", "deployments/web");
    assert_eq!(images(&stored["spec"]["template"]), WRITTEN);
    assert_eq!(stored["status"]["observedGeneration"], 1, "nobody rolls it out again");
    let sets = fixture.get_in("apps/v1", "replicasets");
    let sets = sets["items"].as_array().unwrap();
    assert_eq!(sets.len(), 1);
    assert_eq!(images(&sets[0]["spec"]["template"]), WRITTEN);
}

#[test]
fn pods_of_a_daemon_set_are_rewritten_and_its_template_is_not() {
    let Some(cluster) = with_controllers() else { return };
    let fixture = Fixture::new(cluster, "daemon-set");
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": fixture.namespace}});
    fixture.api.create("/api/v1/nodes", &node);
    fixture.create_in("apps/v1", "daemonsets", &workload("DaemonSet", "agent"));
    let pods = assert_rewritten(&fixture, "agent", 1);
    assert!(pods[0]["spec"]["affinity"].to_string().contains(&fixture.namespace), "{}", pods[0]);
    let stored = fixture.get_in("apps/v1", "daemonsets/agent");
    assert_eq!(images(&stored["spec"]["template"]), WRITTEN);
    fixture.api.delete(&format!("/api/v1/nodes/{}", fixture.namespace));
}

#[test]
fn pods_of_a_stateful_set_are_rewritten_and_its_template_is_not() {
    let Some(cluster) = with_controllers() else { return };
    let fixture = Fixture::new(cluster, "stateful-set");
    let mut set = workload("StatefulSet", "store");
    set["spec"]["replicas"] = Value::from(2);
    set["spec"]["podManagementPolicy"] = Value::from("Parallel");
    fixture.create_in("apps/v1", "statefulsets", &set);
    assert_rewritten(&fixture, "store", 2);
    let stored = fixture.get_in("apps/v1", "statefulsets/store");
    assert_eq!(images(&stored["spec"]["template"]), WRITTEN);
}

#[test]
fn pods_of_a_job_are_rewritten_and_the_job_completes() {
    let Some(cluster) = with_controllers() else { return };
    let fixture = Fixture::new(cluster, "job");
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"},
        "spec": job_spec("once"),
    });
    fixture.create_in("batch/v1", "jobs", &job);
    for pod in assert_rewritten(&fixture, "once", 2) {
        let status = format!("pods/{}/status", pod["metadata"]["name"].as_str().unwrap());
        let succeeded = json!({"status": {"phase": "Succeeded"}});
        fixture.api.patch(&fixture.path(&status), &succeeded);
    }
    // Its controller now takes a finalizer away from each: an UPDATE of a pod.
    wait_until("the job is complete", || {
        fixture.get_in("batch/v1", "jobs/once")["status"]["succeeded"] == 2
    });
    for pod in assert_rewritten(&fixture, "once", 2) {
        assert_eq!(pod["metadata"]["finalizers"], Value::Null);
    }
    assert_eq!(images(&fixture.get_in("batch/v1", "jobs/once")["spec"]["template"]), WRITTEN);
}

#[test]
fn pods_of_a_cron_job_are_rewritten_and_its_templates_are_not() {
    let Some(cluster) = with_controllers() else { return };
    let fixture = Fixture::new(cluster, "cron-job");
    let cron_job = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "yearly"},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job_spec("yearly")}},
    });
    fixture.create_in("batch/v1", "cronjobs", &cron_job);
    // Now its controller has missed a run, which it makes up for at once; the
    // next one is far away.
    let status = fixture.path_in("batch/v1", "cronjobs/yearly/status");
    fixture.api.patch(&status, &json!({"status": {"lastScheduleTime": "2020-01-01T00:00:00Z"}}));
    assert_rewritten(&fixture, "yearly", 2);
    let stored = fixture.get_in("batch/v1", "cronjobs/yearly");
    assert_eq!(images(&stored["spec"]["jobTemplate"]["spec"]["template"]), WRITTEN);
    let jobs = fixture.get_in("batch/v1", "jobs");
    let [job] = jobs["items"].as_array().unwrap().as_slice() else { panic!("one job: {jobs}") };
    assert_eq!(job["metadata"]["ownerReferences"][0]["uid"], stored["metadata"]["uid"]);
    assert_eq!(images(&job["spec"]["template"]), WRITTEN);
}
