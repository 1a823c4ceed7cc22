//! Certificates: a CA, server and client certificates from it, and the kubeconfigs that carry them. Every double has another
//! CA, so no test trusts the server of another one by mistake; only one that is given a CA signs with that.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::auth::User;
use crate::trouble::Trouble;

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    certificate: CertificateDer<'static>,
}

/// A certificate with its key, both as PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
    chain: CertificateDer<'static>,
    secret: Vec<u8>,
}

/// The certificate a server shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// One that is good for its address.
    #[default]
    Good,
    /// One for another name.
    OtherName,
    /// One whose time is over.
    Expired,
    /// One of a CA that nobody knows.
    Stranger,
}

impl Authority {
    /// A new CA.
    pub fn new() -> Result<Self, Trouble> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "kubernetes");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let made = params.self_signed(&key)?;
        Ok(Self { pem: made.pem(), certificate: made.der().clone(), issuer: Issuer::new(params, key) })
    }

    /// A CA that is there already, such as the one of a cluster of kubeadm's: its certificate and its key as PEM.
    pub fn known(certificate: &str, key: &str) -> Result<Self, Trouble> {
        let issuer = Issuer::from_ca_cert_pem(certificate, KeyPair::from_pem(key)?)?;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| Trouble::new("the certificate of the CA", error))?;
        Ok(Self { issuer, pem: certificate.to_owned(), certificate: der })
    }

    /// The certificate of the CA as PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The certificate of the CA.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// A certificate for a server with these names and addresses.
    pub fn server(&self, names: &[&str], expired: bool) -> Result<Identity, Trouble> {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = OffsetDateTime::now_utc();
        params.not_before = now - Duration::days(30);
        params.not_after = if expired { now - Duration::days(1) } else { now + Duration::days(365) };
        self.sign(params)
    }

    /// A certificate for a client: the user is its common name, the groups its organizations.
    pub fn client(&self, user: &str, groups: &[&str]) -> Result<Identity, Trouble> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, user);
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Result<Identity, Trouble> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            chain: certificate.der().clone(),
            secret: key.serialize_der(),
        })
    }

    /// What a listener needs to serve with an identity and to take client certificates of this CA, or none.
    pub fn serve(&self, identity: &Identity) -> Result<Arc<ServerConfig>, Trouble> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| Trouble::new("the verifier of client certificates", error))?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.secret.clone()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![identity.chain.clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// The identity that a server at an address shows, with more names that it is known by.
    pub fn shown(&self, address: SocketAddr, more: &[String], shown: Shown) -> Result<Identity, Trouble> {
        let own = address.ip().to_string();
        let mut names =
            vec![own.as_str(), "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        names.extend(more.iter().map(String::as_str));
        match shown {
            Shown::Good => self.server(&names, false),
            Shown::OtherName => self.server(&["elsewhere.example.com"], false),
            Shown::Expired => self.server(&names, true),
            Shown::Stranger => Self::new()?.server(&names, false),
        }
    }
}

/// The user that a client certificate names.
#[must_use]
pub fn user(certificate: &CertificateDer<'_>) -> Option<User> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let subject = parsed.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    let groups: Vec<&str> = subject.iter_organization().filter_map(|group| group.as_str().ok()).collect();
    Some(User::new(&name, &groups))
}

/// How a kubeconfig proves who its user is.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// A client certificate.
    Certificate(&'a Identity),
    /// A bearer token.
    Token(&'a str),
    /// Nothing.
    Nothing,
}

/// A kubeconfig for a server, as kubeadm writes it.
#[must_use]
pub fn kubeconfig(url: &str, authority: &str, user: &str, proof: Proof<'_>) -> String {
    let proof = match proof {
        Proof::Certificate(identity) => format!(
            "    client-certificate-data: {}\n    client-key-data: {}\n",
            STANDARD.encode(&identity.certificate),
            STANDARD.encode(&identity.key)
        ),
        Proof::Token(token) => format!("    token: {token}\n"),
        Proof::Nothing => String::new(),
    };
    let of_user = if proof.is_empty() { " {}\n".to_owned() } else { format!("\n{proof}") };
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: {url}\n  name: kubernetes\n\
         contexts:\n- context:\n    cluster: kubernetes\n    user: {user}\n  name: {user}@kubernetes\n\
         current-context: {user}@kubernetes\nkind: Config\npreferences: {{}}\nusers:\n- name: {user}\n  user:{of_user}",
        STANDARD.encode(authority)
    )
}
