//! The running double: a listener with TLS, the state behind it, and the handle with which a test changes the cluster, plants
//! faults and reads what was asked. It ends, and its files go, when the handle is dropped.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::auth::Users;
use crate::cluster::Cluster;
use crate::controllers::{self, Controllers};
use crate::fault::{self, Fault, Planted};
use crate::object::{name, namespace};
use crate::resource;
use crate::seen::Seen;
use crate::serve::serve;
use crate::store::Store;
use crate::subresource::{ExecRequest, Execution, Outcome};
use crate::tls::{self, Authority, Proof, Shown};
use crate::trouble::Trouble;

/// The version the server says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The whole version, such as `v1.36.2`.
    pub git: String,
}

impl Versions {
    /// The major version.
    #[must_use]
    pub fn major(&self) -> String {
        self.part(0)
    }

    /// The minor version.
    #[must_use]
    pub fn minor(&self) -> String {
        self.part(1)
    }

    fn part(&self, index: usize) -> String {
        self.git.trim_start_matches('v').split('.').nth(index).unwrap_or("0").to_owned()
    }
}

/// What can be changed while the double runs, besides the cluster.
struct Dials {
    users: Users,
    planted: Vec<Planted>,
    failing: Vec<String>,
    seen: Vec<Seen>,
    logs: Vec<(String, String)>,
    /// What kubelets tell of their nodes, by the node's name.
    summaries: Vec<(String, Value)>,
    execution: Option<Execution>,
    tls: Arc<ServerConfig>,
    controllers: Controllers,
    patience: Duration,
    cut: bool,
}

/// The state that every request sees.
pub struct Inner {
    store: Mutex<Store>,
    dials: Mutex<Dials>,
    revision: watch::Sender<u64>,
    generation: watch::Sender<u64>,
    address: SocketAddr,
    /// The version of the server.
    pub versions: Versions,
}

/// How many requests are remembered.
const REMEMBERED: usize = 20_000;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that failed while it held the lock has said why; the others go on.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    /// Reads the cluster.
    pub fn look<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&lock(&self.store))
    }

    /// Changes the cluster; watches hear of it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let (given, revision) = {
            let mut store = lock(&self.store);
            let given = change(&mut store);
            (given, store.revision())
        };
        self.revision.send_if_modified(|known| {
            let new = *known != revision;
            *known = revision;
            new
        });
        given
    }

    /// A receiver of the revision.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The users and what they may.
    pub fn users(&self) -> Users {
        lock(&self.dials).users.clone()
    }

    /// The controllers that run.
    pub fn controllers(&self) -> Controllers {
        lock(&self.dials).controllers.clone()
    }

    /// The checks of health that fail.
    pub fn failing_checks(&self) -> Vec<String> {
        lock(&self.dials).failing.clone()
    }

    /// How long a list waits for a revision of the future.
    pub fn patience(&self) -> Duration {
        lock(&self.dials).patience
    }

    /// Whether watches are to end.
    pub fn is_cut(&self) -> bool {
        lock(&self.dials).cut
    }

    /// What runs the commands of exec.
    pub fn execution(&self) -> Option<Execution> {
        lock(&self.dials).execution.clone()
    }

    /// The log of a container by `namespace/pod/container`.
    pub fn log(&self, key: &str) -> Option<String> {
        lock(&self.dials).logs.iter().find(|(known, _)| known == key).map(|(_, text)| text.clone())
    }

    /// What the kubelet of a node tells of it, `/stats/summary`; none where it cannot be reached.
    pub fn summary(&self, node: &str) -> Option<Value> {
        lock(&self.dials).summaries.iter().find(|(known, _)| known == node).map(|(_, told)| told.clone())
    }

    /// Writes a request down.
    pub fn saw(&self, seen: Seen) {
        let seen_before = &mut lock(&self.dials).seen;
        // Hosts of a lab ask all the time: what is older than any test is forgotten.
        if seen_before.len() >= REMEMBERED {
            seen_before.drain(..REMEMBERED / 2);
        }
        seen_before.push(seen);
    }

    /// The fault for a request.
    pub fn next_fault(&self, method: &str, path: &str) -> Option<Fault> {
        fault::next(&mut lock(&self.dials).planted, method, path)
    }
}

/// Where a double listens and who vouches for it.
pub struct Listening {
    /// The address.
    pub address: SocketAddr,
    /// The CA; none for one of its own.
    pub authority: Option<Arc<Authority>>,
    /// More names and addresses that its certificate is good for.
    pub names: Vec<String>,
}

impl Default for Listening {
    fn default() -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), authority: None, names: Vec::new() }
    }
}

/// A running double.
pub struct Double {
    inner: Arc<Inner>,
    authority: Arc<Authority>,
    names: Vec<String>,
    directory: PathBuf,
    tasks: Vec<JoinHandle<()>>,
}

impl Double {
    /// Starts a double for a cluster on a free port of 127.0.0.1.
    pub async fn start(cluster: Cluster) -> Result<Self, Trouble> {
        Self::start_at(cluster, Listening::default()).await
    }

    /// Starts another double with the same authority, whose credentials are good for both: another API server behind the same
    /// address, or another cluster that took it.
    pub async fn beside(&self, cluster: Cluster) -> Result<Self, Trouble> {
        let authority = Some(Arc::clone(&self.authority));
        Self::start_at(cluster, Listening { authority, ..Listening::default() }).await
    }

    /// Starts a double at an address, perhaps with a CA that is there already.
    pub async fn start_at(cluster: Cluster, listening: Listening) -> Result<Self, Trouble> {
        let Listening { address, authority, names } = listening;
        let listener =
            TcpListener::bind(address).await.map_err(|error| Trouble::new(&address.to_string(), error))?;
        let address = listener.local_addr()?;
        let authority = match authority {
            Some(authority) => authority,
            None => Arc::new(Authority::new()?),
        };
        let tls = authority.serve(&authority.shown(address, &names, Shown::Good)?)?;
        let mut store = Store::default();
        let Cluster { objects, users, versions, controllers, logs } = cluster;
        // Definitions first, so that the objects they define can be told apart.
        let (definitions, others): (Vec<Value>, Vec<Value>) = objects
            .into_iter()
            .partition(|object| object.get("kind").is_some_and(|kind| kind == "CustomResourceDefinition"));
        for object in definitions.into_iter().chain(others) {
            load(&mut store, object)?;
        }
        let dials = Dials {
            users,
            planted: Vec::new(),
            failing: Vec::new(),
            seen: Vec::new(),
            logs,
            summaries: vec![],
            execution: None,
            tls,
            controllers,
            patience: Duration::from_secs(3),
            cut: false,
        };
        let inner = Arc::new(Inner {
            revision: watch::Sender::new(store.revision()),
            generation: watch::Sender::new(0),
            store: Mutex::new(store),
            dials: Mutex::new(dials),
            address,
            versions,
        });
        let directory =
            std::env::temp_dir().join(format!("muster-apiserver-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&directory)?;
        let tasks = vec![
            tokio::spawn(listen(listener, Arc::clone(&inner))),
            tokio::spawn(controllers::run(Arc::clone(&inner))),
        ];
        let double = Self { inner, authority, names, directory, tasks };
        let admin = double.authority.client("kubernetes-admin", &["system:masters"], false)?;
        let text = tls::kubeconfig(
            &double.url(),
            double.authority.pem(),
            "kubernetes-admin",
            Proof::Certificate(&admin),
        );
        std::fs::write(double.kubeconfig(), text)?;
        std::fs::write(double.directory.join("ca.crt"), double.authority.pem())?;
        Ok(double)
    }

    /// The URL of the API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.inner.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// The CA that vouches for it.
    #[must_use]
    pub fn issuer(&self) -> &Authority {
        &self.authority
    }

    /// The kubeconfig of an administrator with a client certificate, as a file.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.join("admin.conf")
    }

    /// The directory of its files, which goes with it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The certificate of the CA as PEM.
    #[must_use]
    pub fn authority(&self) -> String {
        self.authority.pem().to_owned()
    }

    /// Writes a kubeconfig with a bearer token and gives its path: `admin-token` and `viewer-token` are known.
    pub fn kubeconfig_with_token(&self, user: &str, token: &str) -> Result<PathBuf, Trouble> {
        self.write_kubeconfig(user, Proof::Token(token))
    }

    /// Writes a kubeconfig with a new client certificate for a user and gives its path.
    pub fn kubeconfig_for(&self, user: &str, groups: &[&str]) -> Result<PathBuf, Trouble> {
        let identity = self.authority.client(user, groups, false)?;
        self.write_kubeconfig(user, Proof::Certificate(&identity))
    }

    /// Writes a kubeconfig with a client certificate whose time is over since a day and gives its path.
    pub fn kubeconfig_expired(&self, user: &str) -> Result<PathBuf, Trouble> {
        let identity = self.authority.client(user, &["system:masters"], true)?;
        self.write_kubeconfig(user, Proof::Certificate(&identity))
    }

    /// Writes a kubeconfig without credentials and gives its path.
    pub fn kubeconfig_anonymous(&self) -> Result<PathBuf, Trouble> {
        self.write_kubeconfig("nobody", Proof::Nothing)
    }

    fn write_kubeconfig(&self, user: &str, proof: Proof<'_>) -> Result<PathBuf, Trouble> {
        let path = self.directory.join(format!("{user}.conf"));
        std::fs::write(&path, tls::kubeconfig(&self.url(), self.authority.pem(), user, proof))?;
        Ok(path)
    }

    /// An object by its resource as `pods`, `deployments.apps`; the namespace is empty for one of the cluster.
    #[must_use]
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.inner.look(|store| store.get(resource, namespace, name).cloned())
    }

    /// The objects of a resource.
    #[must_use]
    pub fn list(&self, resource: &str) -> Vec<Value> {
        self.inner.look(|store| store.list(resource, None).cloned().collect())
    }

    /// Puts an object into the cluster as it is, new or in place of the old one; watches hear of it.
    pub fn put(&self, object: Value) -> Result<Value, Trouble> {
        self.inner.change(|store| {
            let storage = storage(store, &object)?;
            Ok(store.put(&storage, object))
        })
    }

    /// Changes an object by a function.
    pub fn edit(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        edit: impl FnOnce(&mut Value),
    ) -> Result<Value, Trouble> {
        self.inner.change(|store| {
            let found = store.get(resource, namespace, name).cloned();
            let mut object =
                found.ok_or_else(|| Trouble::new(resource, format!("{namespace}/{name} is not there")))?;
            edit(&mut object);
            Ok(store.put(resource, object))
        })
    }

    /// Takes an object out of the cluster at once.
    pub fn remove(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.inner.change(|store| store.remove(resource, namespace, name))
    }

    /// Reads or changes the whole state.
    pub fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        self.inner.change(change)
    }

    /// Every object as it is stored, for a double that is to go on from here later ([`Cluster::load`] reads it).
    #[must_use]
    pub fn saved(&self) -> Value {
        self.inner.look(|store| {
            let all = store.resources();
            let items: Vec<Value> = all
                .iter()
                .flat_map(|resource| store.list(resource, None).cloned().collect::<Vec<_>>())
                .collect();
            serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items})
        })
    }

    /// Forgets the history: older watches and continue tokens are expired.
    pub fn compact(&self) {
        self.inner.change(|store| store.compact(store.revision()));
    }

    /// The requests that came, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.inner.dials).seen.clone()
    }

    /// Forgets the requests that came.
    pub fn forget_requests(&self) {
        lock(&self.inner.dials).seen.clear();
    }

    /// Plants a fault.
    pub fn plant(&self, planted: Planted) {
        lock(&self.inner.dials).planted.push(planted);
    }

    /// Takes every fault away, failing checks and a wrong certificate among them.
    pub fn heal(&self) -> Result<(), Trouble> {
        {
            let mut dials = lock(&self.inner.dials);
            dials.planted.clear();
            dials.failing.clear();
        }
        self.show_certificate(Shown::Good)
    }

    /// Makes a check of /livez and /readyz fail.
    pub fn fail_check(&self, check: &str) {
        lock(&self.inner.dials).failing.push(check.to_owned());
    }

    /// Shows another certificate from now on; connections that are open are cut.
    pub fn show_certificate(&self, shown: Shown) -> Result<(), Trouble> {
        let tls = self.authority.serve(&self.authority.shown(self.inner.address, &self.names, shown)?)?;
        lock(&self.inner.dials).tls = tls;
        self.cut();
        Ok(())
    }

    /// Cuts every open connection.
    pub fn cut(&self) {
        self.inner.generation.send_modify(|generation| *generation += 1);
    }

    /// Says which controllers run from now on.
    pub fn set_controllers(&self, controllers: Controllers) {
        lock(&self.inner.dials).controllers = controllers;
        // They look again at once.
        self.inner.revision.send_modify(|_| {});
    }

    /// Freezes every controller: nothing happens but what is asked for.
    pub fn freeze(&self) {
        self.set_controllers(Controllers::none());
    }

    /// Adds a user with a bearer token.
    pub fn add_token(&self, token: &str, user: crate::auth::User) {
        lock(&self.inner.dials).users.tokens.push((token.to_owned(), user));
    }

    /// Lets a user or group do something.
    pub fn allow(&self, rule: crate::auth::Rule) {
        lock(&self.inner.dials).users.rules.push(rule);
    }

    /// Gives the log of a container; `container/previous` is the one before.
    pub fn set_log(&self, namespace: &str, pod: &str, container: &str, text: &str) {
        let key = format!("{namespace}/{pod}/{container}");
        let mut dials = lock(&self.inner.dials);
        dials.logs.retain(|(known, _)| *known != key);
        dials.logs.push((key, text.to_owned()));
    }

    /// Gives what the kubelet of a node tells of it through its proxy.
    pub fn set_summary(&self, node: &str, told: Value) {
        lock(&self.inner.dials).summaries.push((node.to_owned(), told));
    }

    /// Says what runs the commands of exec.
    pub fn set_execution(&self, execution: Execution) {
        lock(&self.inner.dials).execution = Some(execution);
    }

    /// Answers exec by a function.
    pub fn on_exec(&self, function: impl Fn(ExecRequest) -> Outcome + Send + Sync + 'static) {
        self.set_execution(Execution::Function(Arc::new(move |request| {
            let outcome = function(request);
            Box::pin(async move { outcome })
        })));
    }

    /// How long a list waits for a revision of the future before its 504.
    pub fn set_patience(&self, patience: Duration) {
        lock(&self.inner.dials).patience = patience;
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        lock(&self.inner.dials).cut = true;
        self.cut();
        self.tasks.iter().for_each(JoinHandle::abort);
        // Files of a temporary directory: what is left of them is no harm.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn storage(store: &Store, object: &Value) -> Result<String, Trouble> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let found = resource::of_kind(store, version, kind);
    let found = found.ok_or_else(|| Trouble::new(&format!("{version} {kind}"), "no such kind is served"))?;
    Ok(found.storage())
}

/// Loads an object into a store as it is; what the server always writes is filled in.
pub fn load(store: &mut Store, mut object: Value) -> Result<(), Trouble> {
    let storage = storage(store, &object)?;
    for (key, value) in
        [("uid", uuid::Uuid::new_v4().to_string()), ("creationTimestamp", crate::object::now())]
    {
        if object.pointer(&format!("/metadata/{key}")).is_none() {
            crate::object::set(&mut object, &format!("/metadata/{key}"), value);
        }
    }
    if name(&object).is_empty() {
        return Err(Trouble::new(&storage, format!("an object in {:?} has no name", namespace(&object))));
    }
    store.load(&storage, object);
    Ok(())
}

async fn listen(listener: TcpListener, inner: Arc<Inner>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, Arc::clone(&inner)));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// One connection, until it ends or is cut. Its errors are the client's to see.
async fn connection(stream: TcpStream, inner: Arc<Inner>) {
    let mut generation = inner.generation.subscribe();
    let tls = Arc::clone(&lock(&inner.dials).tls);
    let _ = stream.set_nodelay(true);
    let accepted = tokio::time::timeout(Duration::from_secs(10), TlsAcceptor::from(tls).accept(stream)).await;
    let Ok(Ok(stream)) = accepted else { return };
    let certificate =
        stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).and_then(tls::user);
    let service = service_fn(move |request| serve(Arc::clone(&inner), certificate.clone(), request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    tokio::select! {
        _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service) => {}
        _ = generation.changed() => {}
    }
}
