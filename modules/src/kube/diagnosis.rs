//! Why no server answered, in words that help: what went wrong is found by type below everything that wraps it, so that TLS is told
//! from the network and a wrong name from a wrong authority. An error comes in; what happened and what to do go out.

use super::identity::{Identity, date};
use super::request::Refusal;
use jiff::Timestamp;
use rustls::CertificateError;
use std::error::Error;
use std::io;

/// A difference of clocks that spoils certificates.
const SKEW: i64 = 120;

/// What went wrong, as far as it changes what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The server's certificate is over, or not yet good.
    Expired(Option<Timestamp>),
    NotYet(Option<Timestamp>),
    /// It names other addresses.
    Named(Vec<String>),
    Stranger,
    /// The server ended the handshake because of our certificate.
    Unwanted,
    Refused,
    TimedOut,
    Unknown,
    Unreachable,
    Other,
}

impl Trouble {
    /// Whether a wrong clock would look like this.
    pub fn is_of_time(&self) -> bool {
        matches!(self, Self::Expired(_) | Self::NotYet(_))
    }
}

/// What is below an error.
pub(crate) fn trouble(error: &(dyn Error + 'static)) -> (Trouble, String) {
    let (mut words, mut found, mut next) = (vec![], Trouble::Other, Some(error));
    while let Some(error) = next {
        let text = error.to_string();
        if !words.last().is_some_and(|last: &String| last.contains(&text)) {
            words.push(text);
        }
        if let Some(of) = named(error) {
            found = of;
        }
        // What an I/O error wraps is not its source but itself.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    let whole = words.join(": ");
    if found == Trouble::Other {
        found = match whole.as_str() {
            text if text.contains("failed to lookup")
                || text.contains("dns error")
                || text.contains("Name or service") =>
            {
                Trouble::Unknown
            }
            text if text.contains("efused") => Trouble::Refused,
            text if text.contains("timed out") || text.contains("deadline") => Trouble::TimedOut,
            text if text.contains("unreachable") || text.contains("No route") => Trouble::Unreachable,
            _ => Trouble::Other,
        };
    }
    (found, whole)
}

fn named(error: &(dyn Error + 'static)) -> Option<Trouble> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Trouble::Refused),
            io::ErrorKind::TimedOut => Some(Trouble::TimedOut),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some(Trouble::Unreachable),
            _ => None,
        };
    }
    let time = |time: &rustls::pki_types::UnixTime| {
        i64::try_from(time.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
    };
    match error.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(why) => Some(match why {
            CertificateError::Expired => Trouble::Expired(None),
            CertificateError::ExpiredContext { not_after, .. } => Trouble::Expired(time(not_after)),
            CertificateError::NotValidYet => Trouble::NotYet(None),
            CertificateError::NotValidYetContext { not_before, .. } => Trouble::NotYet(time(not_before)),
            CertificateError::NotValidForName => Trouble::Named(vec![]),
            CertificateError::NotValidForNameContext { presented, .. } => {
                Trouble::Named(presented.iter().map(|name| bare(name)).collect())
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Trouble::Stranger,
            _ => return None,
        }),
        rustls::Error::AlertReceived(alert) => {
            let said = format!("{alert:?}");
            (said.contains("Certificate") || said.contains("Access")).then_some(Trouble::Unwanted)
        }
        _ => None,
    }
}

/// `DnsName("kubernetes")` as `kubernetes`.
fn bare(name: &str) -> String {
    let inner = name.split_once('(').map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    inner.trim_matches('"').to_string()
}

/// That no server answered, and what to do. `clock` is the server's time, where it could be asked for it.
pub(crate) fn unreached(trouble: &Trouble, whole: &str, who: &Identity, clock: Option<Timestamp>) -> Refusal {
    let Identity { from, url, .. } = who;
    let now = Timestamp::now();
    let apart = clock.map(|clock| clock.as_second() - now.as_second()).filter(|apart| apart.abs() > SKEW);
    let renew = "on the control plane: `kubeadm certs check-expiration`, then `kubeadm certs renew apiserver`, and restart kube-apiserver";
    let on = |time: &Option<Timestamp>| time.map(|time| format!(" on {}", date(time))).unwrap_or_default();
    let hint = match (trouble, clock.zip(apart)) {
        (trouble, Some((clock, _))) if trouble.is_of_time() => format!(
            "The clock here says {}, the server's {}: set the clock before anything else",
            date(now),
            date(clock)
        ),
        (Trouble::Expired(time), _) => {
            format!("The server's certificate expired{}. Renew it {renew}", on(time))
        }
        (Trouble::NotYet(time), _) => {
            format!(
                "The server's certificate is not good yet; it will be{}. Is the clock of this machine right?",
                on(time)
            )
        }
        (Trouble::Named(names), _) => {
            let names = if names.is_empty() { "others".to_string() } else { names.join(", ") };
            format!(
                "The server's certificate does not name the address it was asked at; it names {names}. Use one of these in {from}, set `tls-server-name` there, or add the address to the API server's `certSANs` and renew it {renew}"
            )
        }
        (Trouble::Stranger, _) => format!(
            "The server's certificate is of another authority than the one in {from}: this may be another cluster than the file is for"
        ),
        (Trouble::Unwanted, _) => who.refused(clock.unwrap_or(now)),
        (Trouble::Refused, _) => {
            "Nothing listens there: is kube-apiserver running (`crictl ps --name kube-apiserver`)?".into()
        }
        (Trouble::TimedOut, _) => "Nobody answered in time: is the address right, is the host up?".into(),
        (Trouble::Unknown, _) => format!(
            "The name in {url} is not known to DNS here. Correct `server` in {from}, or delegate the task to a control plane host"
        ),
        (Trouble::Unreachable, _) => {
            format!("There is no way to {url} from here. Delegate the task to a control plane host")
        }
        (Trouble::Other, _) => String::new(),
    };
    let through = who.proxy.as_ref().map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
    Refusal {
        message: format!("the Kubernetes API of {from} cannot be reached at {url}{through}: {whole}"),
        hint: Some(hint).filter(|hint| !hint.is_empty()),
        ..Refusal::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_said_before_a_certificate_is_blamed() {
        let who = Identity {
            from: "admin.conf".into(),
            url: "https://10.0.0.1:6443".into(),
            ..Identity::default()
        };
        let told =
            |trouble: Trouble, clock: Option<Timestamp>| unreached(&trouble, "TLS", &who, clock).to_string();
        let now = Timestamp::now();
        let year = Timestamp::from_second(now.as_second() - 31_536_000).unwrap();
        assert!(told(Trouble::Expired(Some(year)), None).contains("The server's certificate expired on"));
        assert!(
            told(Trouble::Expired(Some(year)), Some(now)).contains("The server's certificate expired on")
        );
        assert!(told(Trouble::Expired(None), Some(year)).contains("set the clock before anything else"));
        let named =
            told(Trouble::Named(vec![bare("DnsName(\"kubernetes\")"), bare("IpAddress(10.0.0.9)")]), None);
        assert!(named.contains("it names kubernetes, 10.0.0.9."), "{named}");
    }
}
