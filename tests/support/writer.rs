//! A client of etcd in the lab that writes a key and reads it again, without end, from a worker. What was acknowledged to it
//! must be there in the end, and its longest pause must be no longer than an election takes.

use crate::lab::Lab;
use std::collections::HashSet;

/// The client.
pub struct Writer {
    host: String,
}

impl Writer {
    /// Starts it on a host, with the certificates of a control plane.
    pub fn start(lab: &Lab, host: &str) -> Self {
        let pki = format!("/run/muster-lab/{}/cp1/root/etc/kubernetes/pki/etcd", lab.name());
        let home = format!("/run/muster-lab/{}/{host}/root/root", lab.name());
        for file in ["ca.crt", "healthcheck-client.crt", "healthcheck-client.key"] {
            std::fs::copy(format!("{pki}/{file}"), format!("{home}/{file}")).unwrap();
        }
        std::fs::write(format!("{home}/writer.sh"), include_str!("../lab/writer.sh")).unwrap();
        lab.ssh(host, "systemd-run --quiet --unit=writer --working-directory=/root bash writer.sh");
        std::thread::sleep(std::time::Duration::from_secs(1));
        Self { host: host.into() }
    }

    /// Stops it, and looks for all that was acknowledged to it.
    pub fn assert_nothing_lost(self, lab: &Lab, from: &str) {
        std::thread::sleep(std::time::Duration::from_secs(1));
        lab.ssh(&self.host, "systemctl stop writer");
        assert_eq!(lab.ssh(&self.host, "cat misread 2>/dev/null || true"), "", "read otherwise than written");
        let acknowledged = lab.ssh(&self.host, "cat acknowledged");
        let lines: Vec<Vec<u64>> = acknowledged
            .lines()
            .map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect())
            .collect();
        assert!(lines.len() > 100, "{} writes", lines.len());
        let kept = lab.run(&["etcdctl", "--on", from, "get", "--prefix", "key-", "--keys-only"]);
        let kept: HashSet<&str> = kept.lines().collect();
        let lost = lines.iter().filter(|line| !kept.contains(format!("key-{}", line[0]).as_str())).count();
        assert_eq!(lost, 0, "of {} acknowledged writes", lines.len());
        let longest = lines.windows(2).map(|pair| pair[1][1] - pair[0][1]).max().unwrap();
        assert!(longest < 4000, "an election takes one to two seconds, the outage took {longest} ms");
    }
}
