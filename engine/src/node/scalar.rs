//! YAML 1.1 scalars.
