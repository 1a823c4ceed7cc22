//! The names that OpenSSL gives to things in certificates: object identifiers and general names come in, words go out.
//! What has no name here goes by its numbers.

use super::colons;
use std::net::{Ipv4Addr, Ipv6Addr};
use x509_parser::asn1_rs::Oid;
use x509_parser::extensions::{ExtendedKeyUsage, GeneralName, KeyUsage};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// Numbers, the long name, and the short one where a directory name is written with it.
const NAMES: &[(&str, &str, &str)] = &[
    ("2.5.4.3", "commonName", "CN"),
    ("2.5.4.4", "surname", "SN"),
    ("2.5.4.5", "serialNumber", "serialNumber"),
    ("2.5.4.6", "countryName", "C"),
    ("2.5.4.7", "localityName", "L"),
    ("2.5.4.8", "stateOrProvinceName", "ST"),
    ("2.5.4.9", "streetAddress", "street"),
    ("2.5.4.10", "organizationName", "O"),
    ("2.5.4.11", "organizationalUnitName", "OU"),
    ("2.5.4.12", "title", "title"),
    ("2.5.4.15", "businessCategory", "businessCategory"),
    ("2.5.4.17", "postalCode", "postalCode"),
    ("2.5.4.42", "givenName", "GN"),
    ("2.5.4.43", "initials", "initials"),
    ("2.5.4.44", "generationQualifier", "generationQualifier"),
    ("2.5.4.46", "dnQualifier", "dnQualifier"),
    ("2.5.4.65", "pseudonym", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "userId", "UID"),
    ("0.9.2342.19200300.100.1.25", "domainComponent", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress", "emailAddress"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionLocalityName", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionStateOrProvinceName", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionCountryName", "jurisdictionC"),
    ("2.5.29.37.0", "Any Extended Key Usage", ""),
    ("1.3.6.1.5.5.7.3.1", "TLS Web Server Authentication", ""),
    ("1.3.6.1.5.5.7.3.2", "TLS Web Client Authentication", ""),
    ("1.3.6.1.5.5.7.3.3", "Code Signing", ""),
    ("1.3.6.1.5.5.7.3.4", "E-mail Protection", ""),
    ("1.3.6.1.5.5.7.3.5", "IPSec End System", ""),
    ("1.3.6.1.5.5.7.3.6", "IPSec Tunnel", ""),
    ("1.3.6.1.5.5.7.3.7", "IPSec User", ""),
    ("1.3.6.1.5.5.7.3.8", "Time Stamping", ""),
    ("1.3.6.1.5.5.7.3.9", "OCSP Signing", ""),
    ("1.3.6.1.5.5.7.3.10", "dvcs", ""),
    ("1.3.6.1.5.5.7.3.17", "ipsec Internet Key Exchange", ""),
    ("1.3.6.1.5.5.7.1.2", "Biometric Info", ""),
    ("1.3.6.1.4.1.311.20.2.2", "Microsoft Smartcard Login", ""),
    ("1.3.6.1.5.2.3.4", "PKINIT Client Auth", ""),
    ("1.3.6.1.5.2.3.5", "Signing KDC Response", ""),
    ("1.2.840.113549.1.1.1", "rsaEncryption", ""),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption", ""),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption", ""),
    ("1.2.840.113549.1.1.10", "rsassaPss", ""),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption", ""),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption", ""),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption", ""),
    ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption", ""),
    ("1.2.840.10045.2.1", "id-ecPublicKey", ""),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1", ""),
    ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224", ""),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256", ""),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384", ""),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512", ""),
    ("1.2.840.10040.4.3", "dsaWithSHA1", ""),
    ("2.16.840.1.101.3.4.3.1", "dsa_with_SHA224", ""),
    ("2.16.840.1.101.3.4.3.2", "dsa_with_SHA256", ""),
    ("1.3.101.112", "ED25519", ""),
    ("1.3.101.113", "ED448", ""),
];

/// The long name of an identifier.
pub(super) fn known(oid: &Oid<'_>) -> String {
    name_of(&oid.to_id_string())
}

/// The same, by its numbers.
pub(super) fn name_of(numbers: &str) -> String {
    NAMES.iter().find(|(oid, ..)| *oid == numbers).map_or(numbers, |(_, name, _)| name).into()
}

/// A curve's name and the bits of a key on it.
pub(super) fn curve(numbers: &str) -> (String, u32) {
    let (name, size) = match numbers {
        "1.2.840.10045.3.1.1" => ("secp192r1", 192),
        "1.3.132.0.33" => ("secp224r1", 224),
        "1.2.840.10045.3.1.7" => ("secp256r1", 256),
        "1.3.132.0.10" => ("secp256k1", 256),
        "1.3.132.0.34" => ("secp384r1", 384),
        "1.3.132.0.35" => ("secp521r1", 521),
        other => (other, 0),
    };
    (name.into(), size)
}

/// A name's parts in their order, each with what it is called.
pub(super) fn ordered(name: &X509Name<'_>) -> Vec<(String, String)> {
    let text = |value: &x509_parser::asn1_rs::Any<'_>| match value.as_any_str() {
        Ok(text) => text,
        Err(_) => String::from_utf8_lossy(value.data).into_owned(),
    };
    name.iter_attributes().map(|part| (known(part.attr_type()), text(part.attr_value()))).collect()
}

/// A general name as OpenSSL writes it: `DNS:a.example`, `IP:10.0.0.1`.
pub(super) fn shown(name: &GeneralName<'_>) -> Result<String, String> {
    Ok(match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::RFC822Name(name) => format!("email:{name}"),
        GeneralName::URI(name) => format!("URI:{name}"),
        GeneralName::IPAddress(bytes) => format!("IP:{}", address(bytes)),
        GeneralName::RegisteredID(oid) => format!("RID:{}", oid.to_id_string()),
        GeneralName::OtherName(oid, bytes) => {
            format!("otherName:{};{}", oid.to_id_string(), colons(explicit(bytes)))
        }
        GeneralName::DirectoryName(name) => {
            let short = |long: &str| {
                let found = NAMES.iter().find(|(_, name, short)| *name == long && !short.is_empty());
                found.map_or(long, |(.., short)| short).to_string()
            };
            let parts = ordered(name);
            let parts: Vec<String> =
                parts.iter().rev().map(|(key, value)| format!("{}={}", short(key), escaped(value))).collect();
            format!("dirName:{}", parts.join(","))
        }
        other => return Err(format!("Cannot decode name \"{other}\"")),
    })
}

/// What stands inside of the tag that wraps it.
fn explicit(bytes: &[u8]) -> &[u8] {
    match x509_parser::asn1_rs::Any::from_der(bytes) {
        Ok((_, any)) => any.data,
        Err(_) => bytes,
    }
}

fn address(bytes: &[u8]) -> String {
    let v4 = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).map(Ipv4Addr::from).map(|ip| ip.to_string());
    let v6 = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).map(Ipv6Addr::from).map(|ip| ip.to_string());
    match bytes.len() {
        4 => v4(bytes).unwrap_or_default(),
        16 => v6(bytes).unwrap_or_default(),
        _ => colons(bytes),
    }
}

/// A value of a directory name, with what means something there escaped.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for (at, letter) in value.chars().enumerate() {
        let edge = letter == ' ' && (at == 0 || at + 1 == value.chars().count());
        if edge || "\\,+<>;\"".contains(letter) || letter == '#' && at == 0 {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// The uses of a key, in alphabetical order.
pub(super) fn usages(usage: KeyUsage) -> Vec<&'static str> {
    let agrees = usage.key_agreement();
    let mut words: Vec<&str> = [
        (usage.digital_signature(), "Digital Signature"),
        (usage.non_repudiation(), "Non Repudiation"),
        (usage.key_encipherment(), "Key Encipherment"),
        (usage.data_encipherment(), "Data Encipherment"),
        (agrees, "Key Agreement"),
        (usage.key_cert_sign(), "Certificate Sign"),
        (usage.crl_sign(), "CRL Sign"),
        (agrees && usage.encipher_only(), "Encipher Only"),
        (agrees && usage.decipher_only(), "Decipher Only"),
    ]
    .into_iter()
    .filter_map(|(is, word)| is.then_some(word))
    .collect();
    words.sort_unstable();
    words
}

/// The purposes of a certificate, in alphabetical order.
pub(super) fn extended(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let mut words: Vec<String> = [
        (usage.any, "2.5.29.37.0"),
        (usage.server_auth, "1.3.6.1.5.5.7.3.1"),
        (usage.client_auth, "1.3.6.1.5.5.7.3.2"),
        (usage.code_signing, "1.3.6.1.5.5.7.3.3"),
        (usage.email_protection, "1.3.6.1.5.5.7.3.4"),
        (usage.time_stamping, "1.3.6.1.5.5.7.3.8"),
        (usage.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
    ]
    .into_iter()
    .filter(|(is, _)| *is)
    .map(|(_, oid)| name_of(oid))
    .chain(usage.other.iter().map(known))
    .collect();
    words.sort_unstable();
    words
}
