//! A double of the Kubernetes API server for tests: a real listener with TLS and state that answers as the recordings of
//! a real one do. What it does not do it refuses, so that no test passes on an answer nobody gave.
