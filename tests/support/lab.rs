//! A lab of whole hosts for a test: `tests/lab/lab` by its verbs. A value of [`Lab`] is a lab that is up; it goes down when
//! the value is dropped, and when the test's process is killed. Without root it fails, and says why.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Hosts that run, and what can be done to them.
pub struct Lab {
    name: String,
}

impl Lab {
    /// Brings up hosts; `options` are those of `lab up`.
    pub fn up(options: &[&str]) -> Self {
        let lab = Self { name: own_name() };
        let owner = std::process::id().to_string();
        let line: Vec<&str> = ["up", "--while", &owner].iter().chain(options).copied().collect();
        lab.run(&line);
        lab
    }

    /// Brings up hosts that are the nodes of an API server, the double of `tests/apiserver`.
    pub fn with_api(options: &[&str]) -> Self {
        let mut program = std::env::current_exe().unwrap();
        program.pop();
        program.set_file_name("muster-apiserver");
        assert!(
            program.exists(),
            "{} is not built: cargo build -p muster-apiserver (tests of the whole workspace do that)",
            program.display()
        );
        let program = program.display().to_string();
        let line: Vec<&str> = ["--apiserver", &program].iter().chain(options).copied().collect();
        Self::up(&line)
    }

    /// What kubectl printed, as the cluster's administrator; one that fails fails the test.
    pub fn kubectl(&self, line: &[&str]) -> String {
        let output = self.try_kubectl(line);
        let text = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "kubectl {}: {text}", line.join(" "));
        text
    }

    /// What kubectl did, whether it failed or not.
    pub fn try_kubectl(&self, line: &[&str]) -> Output {
        let mut command = Command::new("kubectl");
        let cache = format!("/run/muster-lab/{}/kubectl", self.name);
        command.args(["--kubeconfig", &self.kubeconfig(), "--cache-dir", &cache]).args(line);
        command
            .output()
            .unwrap_or_else(|error| panic!("kubectl (Debian: kubernetes-client) is needed: {error}"))
    }

    /// The file of the administrator's kubeconfig.
    pub fn kubeconfig(&self) -> String {
        format!("/run/muster-lab/{}/admin.conf", self.name)
    }

    /// What the Ready condition of a node says: `True`, `False` or `Unknown`; nothing where there is no such node.
    pub fn ready(&self, node: &str) -> String {
        let path = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
        text(&self.try_kubectl(&["get", "node", node, "-o", path]).stdout)
    }

    /// The name that tells it from labs beside it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a verb printed; a verb that fails fails the test.
    pub fn run(&self, line: &[&str]) -> String {
        let output = self.try_run(line);
        let text = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "lab {}: {text}", line.join(" "));
        text
    }

    /// What a verb did, whether it failed or not.
    pub fn try_run(&self, line: &[&str]) -> Output {
        lab(&self.name, line).output().unwrap()
    }

    /// What a command printed on a host, as root.
    pub fn ssh(&self, host: &str, command: &str) -> String {
        self.run(&["ssh", host, command])
    }

    /// The hosts whose member of etcd answers, asked from one of them.
    pub fn healthy(&self, from: &str) -> usize {
        let line = ["etcdctl", "--on", from, "--command-timeout=2s", "endpoint", "health", "--cluster"];
        let output = self.try_run(&line);
        (text(&output.stdout) + &text(&output.stderr)).matches(" is healthy").count()
    }

    /// Waits until as many members answer.
    pub fn wait_for_members(&self, from: &str, members: usize) {
        wait_until(&format!("{members} healthy members"), || self.healthy(from) == members);
    }

    /// The host whose member leads.
    pub fn leader(&self, from: &str) -> String {
        let line = ["etcdctl", "--on", from, "endpoint", "status", "--cluster", "--write-out=fields"];
        let status = self.run(&line);
        let field = |name: &str| {
            let prefix = format!("\"{name}\" : ");
            status
                .lines()
                .filter_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let (ids, leaders, endpoints) = (field("MemberID"), field("Leader"), field("Endpoint"));
        let at = ids.iter().position(|id| *id == leaders[0]).unwrap();
        let address = endpoints[at].trim_matches('"').trim_start_matches("https://").replace(":2379", "");
        let hosts = self.run(&["status"]);
        let line = hosts.lines().find(|line| line.split_whitespace().nth(1) == Some(&address)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    }

    /// What `lab status` says of a host.
    pub fn state(&self, host: &str) -> String {
        let status = self.run(&["status"]);
        let line = status.lines().find(|line| line.starts_with(&format!("{host} "))).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = lab(&self.name, &["down"]).status();
    }
}

/// The script.
pub fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab")
}

/// Waits for at most two minutes, which only a machine with other work needs.
pub fn wait_until(what: &str, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn lab(name: &str, line: &[&str]) -> Command {
    let mut command = Command::new(script());
    command.args(["--name", name]).args(line);
    command
}

/// Another for each process and lab in it, in seven letters and digits.
fn own_name() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static LABS: AtomicU32 = AtomicU32::new(0);
    format!("{}{:x}", ['t', 'u', 'v'][LABS.fetch_add(1, Ordering::Relaxed) as usize % 3], std::process::id())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
