//! What Helm left in a cluster, read without Helm: releases and their documents, and what of their values must not be shown.

mod info;
pub(crate) mod release;
pub(crate) mod values;

pub(crate) use info::HelmInfo;
