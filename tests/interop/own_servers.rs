//! Servers of a test's own, which it may kill.

use crate::servers::new_trace_id;
use std::{env, fs, path::PathBuf, process::Command};

pub struct OwnServers {
    names: Vec<&'static str>,
    folder: PathBuf,
}

impl OwnServers {
    pub fn start(names: &[&'static str]) -> Self {
        let folder = env::temp_dir().join(format!("throughline-interop-{}", new_trace_id()));
        let servers = Self { names: names.to_vec(), folder };
        servers.run("start", names);
        servers
    }

    pub fn kill(&self) {
        self.run("kill", &self.names);
    }

    /// Returns when it answers, at the addresses it had.
    pub fn start_again(&self, name: &str) {
        self.run("start", &[name]);
    }

    /// Where they leave their files.
    pub fn folder(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    /// As [`setting`](crate::servers::setting) has it of the servers of all tests.
    pub fn setting(&self, name: &str) -> String {
        let settings = fs::read_to_string(self.folder.join("env")).unwrap();
        let value = |line: &str| Some(line.strip_prefix(&format!("INTEROP_{name}="))?.to_owned());
        settings.lines().find_map(value).unwrap_or_else(|| panic!("{name} is not in {settings}"))
    }

    fn run(&self, command: &str, names: &[&str]) {
        let status = self.command(command, names).status().unwrap();
        assert!(status.success(), "servers {command}: {status}");
    }

    fn command(&self, command: &str, names: &[&str]) -> Command {
        let mut servers = Command::new("tests/interop/servers");
        servers.arg(command).arg(&self.folder).args(names);
        servers
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        // Also behind a failed assertion, which a second one would turn into an abort.
        let _killed = self.command("kill", &self.names).status();
        let _what_is_left = fs::remove_dir_all(&self.folder);
    }
}
