//! How long a large inventory takes: reads the file given (or makes one of 10,000 hosts), asks for the layers of every
//! host and for the hosts that some patterns name, and prints the times.

use muster_engine::diagnostic::Diagnostics;
use muster_engine::inventory::{Inventory, LoadOptions, Pattern};
use muster_engine::source::Sources;
use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let (path, made) = match std::env::args().nth(1) {
        Some(path) => (path, None),
        None => {
            let path = std::env::temp_dir().join(format!("muster-{}-inventory.yml", std::process::id()));
            std::fs::write(&path, text()?)?;
            (path.to_string_lossy().into_owned(), Some(path))
        }
    };
    let sources: Arc<Sources> = Arc::default();
    let mut diagnostics = Diagnostics::default();
    let start = Instant::now();
    let mut inventory = Inventory::load(&sources, &[path], &LoadOptions::default(), &mut diagnostics);
    println!("load      {:>10.1?}  {} hosts", start.elapsed(), inventory.len());
    for round in ["layers", "again"] {
        let start = Instant::now();
        let layers: usize = inventory.hosts().map(|host| inventory.layers(host, &[]).len()).sum();
        println!("{round:<9} {:>10.1?}  {layers} layers", start.elapsed());
    }
    for pattern in
        ["all", "*", "node0*:!group00", "~node.*7\\.dc1.*", "all[100:200]", "node00001.dc0.example.net"]
    {
        let start = Instant::now();
        let hosts = inventory.select(&Pattern::parse(pattern))?.hosts.len();
        println!("select    {:>10.1?}  {hosts} hosts of {pattern}", start.elapsed());
    }
    let start = Instant::now();
    let groups = inventory.groups().len();
    println!("groups    {:>10.1?}  {groups} groups", start.elapsed());
    let start = Instant::now();
    let names = inventory.all_names(&[]).len();
    println!("names     {:>10.1?}  {names} names", start.elapsed());
    let before = inventory.clone();
    let start = Instant::now();
    inventory.add_host("new", &["group00", "fresh"], muster_engine::template::Vars::default());
    println!("add_host  {:>10.1?}  {} hosts, {} before", start.elapsed(), inventory.len(), before.len());
    for diagnostic in diagnostics.0 {
        println!("{}", diagnostic.message);
    }
    if let Some(path) = made {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

fn text() -> Result<String, std::fmt::Error> {
    let mut text = String::from("all:\n  vars:\n    ansible_user: deploy\n  children:\n");
    for group in 0..20 {
        writeln!(text, "    group{group:02}:\n      vars:\n        gv: {group}\n      hosts:")?;
        for host in 0..500 {
            let n = group * 500 + host;
            writeln!(
                text,
                "        node{n:05}.dc{group}.example.net:\n          ansible_host: 10.0.{}.{}",
                n / 256,
                n % 256
            )?;
            writeln!(
                text,
                "          rack: r{:02}\n          enabled: yes\n          disks: [sda, sdb, sdc]",
                n % 40
            )?;
            writeln!(
                text,
                "          nics:\n            - {{name: eth0, mtu: 1500}}\n            - {{name: eth1, mtu: 9000}}"
            )?;
            writeln!(text, "          motd: \"{{{{ inventory_hostname }}}} in {{{{ rack }}}}\"")?;
        }
    }
    Ok(text)
}
