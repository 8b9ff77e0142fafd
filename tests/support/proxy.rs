//! `tests/servers/fault_proxy.py` in front of a cloud's server, as a test holds it: its rules and its counts. It ends
//! with the value.

use super::clouds::{Place, endpoint, environment_through};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running proxy.
pub struct Proxy {
    place: Place,
    address: String,
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Proxy {
    /// A proxy before the server of a place, without rules.
    pub fn before(place: Place) -> Proxy {
        Proxy::listening(place, 0)
    }

    /// The same on a port of one's choice; 0 for any.
    pub fn listening(place: Place, port: u16) -> Proxy {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/fault_proxy.py");
        let mut command = Command::new("python3");
        command.args(["-B", program, "--listen", &port.to_string(), &endpoint(place)]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (commands, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut proxy = Proxy { place, address: String::new(), child, commands, answers };
        proxy.address = proxy.line();
        assert!(proxy.address.starts_with("http://"), "the proxy did not start");
        proxy
    }

    /// The variables that lead through it.
    pub fn environment(&self) -> BTreeMap<String, String> {
        environment_through(self.place, &self.address)
    }

    /// Replaces the rules and counts from zero again.
    pub fn rules(&mut self, rules: Value) {
        self.command(json!({ "rules": rules }));
        self.command(json!({ "reset": true }));
    }

    /// How often a kind of fault struck.
    pub fn faults(&mut self, kind: &str) -> u64 {
        self.command(json!({ "counts": true }))["faults"][kind].as_u64().unwrap_or(0)
    }

    /// Requests so far, by kind.
    pub fn requests(&mut self) -> Value {
        self.command(json!({ "counts": true }))["requests"].take()
    }

    fn command(&mut self, command: Value) -> Value {
        writeln!(self.commands, "{command}").unwrap();
        let answer: Value = serde_json::from_str(&self.line()).unwrap();
        assert!(answer.get("error").is_none(), "{command}: {answer}");
        answer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
