//! A real DNS server on loopback for a test: Debian's dnsmasq, on a port of addresses of 127.0.0.0/8, until the value is dropped. It
//! knows what its options say, and has nobody to ask about anything else.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One that runs.
pub struct Dnsmasq {
    process: Child,
    pub port: u16,
}

impl Dnsmasq {
    /// Starts one, and waits until it listens.
    pub fn start(addresses: &[&str], options: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root"])
            .args(["--no-resolv", "--no-hosts", "--bind-interfaces", &format!("--port={port}")])
            .args(addresses.iter().map(|address| format!("--listen-address={address}")))
            .args(options)
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("dnsmasq (Debian: dnsmasq-base) is needed: {error}"));
        let server = Self { process, port };
        let begun = Instant::now();
        for address in addresses {
            while TcpStream::connect((*address, port)).is_err() {
                assert!(begun.elapsed() < Duration::from_secs(60), "dnsmasq does not listen on {address}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        server
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
