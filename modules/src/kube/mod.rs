//! Kubernetes: objects read and changed through its API. A task's [`way`] to a cluster becomes a [`cluster`] that all modules of a
//! run share: on this machine as kubectl would reach it, on a host through that host's own connection and `admin.conf`.

mod action;
mod addons;
mod api_health;
mod apply;
mod asks;
mod change;
mod client;
mod cluster;
mod cluster_info;
mod command;
mod config;
mod cp;
mod definition;
mod diagnosis;
mod drain;
mod exec;
mod fields;
mod hash;
mod health;
mod helm;
mod hidden;
mod identity;
mod info;
mod json_patch;
mod jsonpath;
mod k8s;
mod label;
mod lock;
mod log;
mod object;
mod place;
mod plugin;
mod pod_status;
mod ready;
mod request;
mod resource;
mod road;
mod rollback;
mod scale;
mod selector;
mod service;
mod session;
mod taint;
mod validate;
mod waiting;
mod way;

pub(crate) use cluster::{Cluster, Clusters};
pub(crate) use command::{Container, Input};
pub(crate) use way::Way;

use asks::On;
use muster_engine::module::Registry;

/// The registry with these modules.
pub(crate) fn add(registry: Registry, clusters: &Clusters) -> Registry {
    registry
        .with(lock::ClusterLock { clusters: clusters.clone() })
        .with(On::<helm::HelmInfo>::new(clusters))
        .with(On::<addons::K8sAddons>::new(clusters))
        .with(api_health::K8sApiHealth { clusters: clusters.clone() })
        .with(cluster_info::K8sClusterInfo { clusters: clusters.clone() })
        .with(On::<health::K8sHealth>::new(clusters))
        .with(drain::K8sDrain { clusters: clusters.clone() })
        .with(On::<k8s::K8s>::new(clusters))
        .with(On::<cp::K8sCp>::new(clusters))
        .with(On::<exec::K8sExec>::new(clusters))
        .with(On::<info::K8sInfo>::new(clusters))
        .with(On::<json_patch::K8sJsonPatch>::new(clusters))
        .with(On::<label::K8sLabel>::new(clusters))
        .with(On::<log::K8sLog>::new(clusters))
        .with(On::<rollback::K8sRollback>::new(clusters))
        .with(On::<scale::K8sScale>::new(clusters))
        .with(On::<service::K8sService>::new(clusters))
        .with(On::<taint::K8sTaint>::new(clusters))
}
