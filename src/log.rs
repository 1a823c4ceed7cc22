//! What the program says of its own doings, on stderr: nothing, unless `-vvv` or MUSTER_LOG asks for it. Never on
//! stdout, and never a secret.

use tracing_subscriber::EnvFilter;

/// Begins to say it. A second call changes nothing.
pub fn begin(verbosity: u8) {
    let level = match verbosity {
        0..=2 => "off",
        3 => "muster=info,muster_engine=info,muster_connections=info,muster_modules=info",
        4 => "muster=debug,muster_engine=debug,muster_connections=debug,muster_modules=debug",
        5 => "muster=trace,muster_engine=trace,muster_connections=trace,muster_modules=trace",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("MUSTER_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Somebody may have begun before, for example a test.
    _ = subscriber.try_init();
}
