//! `eddyline serve`.

use super::options::WarehouseArgs;
use super::signals::Signals;
use super::sql::EngineArgs;
use super::{print, say};
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::query::Session;
use crate::serve::{Listener, Options, Password, Tls};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// `eddyline serve`
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: WarehouseArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// The address PostgreSQL's clients connect to, such as 127.0.0.1:5433; port 0 takes a free one
    #[arg(long, env = "EDDYLINE_PG", value_name = "HOST:PORT")]
    pg: Option<String>,
    /// A file with the password clients must give; EDDYLINE_PG_PASSWORD holds the password itself
    #[arg(long, env = "EDDYLINE_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The only user that may log in [default: any name]
    #[arg(long, env = "EDDYLINE_USER", value_name = "NAME")]
    user: Option<String>,
    /// A certificate (PEM) to encrypt connections with; those that are not encrypted are refused then
    #[arg(long, env = "EDDYLINE_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, env = "EDDYLINE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Clients at once [default: 64]
    #[arg(long, env = "EDDYLINE_MAX_CONNECTIONS", value_name = "N")]
    max_connections: Option<usize>,
}

const MAX_CONNECTIONS: usize = 64;

/// Serves until a signal comes.
pub async fn run(args: Args, config: &Config) -> Result<()> {
    let set = &config.serve;
    let Some(address) = args.pg.as_ref().or(set.pg.as_ref()) else {
        return Err(Error::usage("no address to serve on").hint("--pg 127.0.0.1:5433, or `pg` under [serve]"));
    };
    let addresses = resolve(address).await?;
    let password = password(args.password_file.as_deref().or(set.password_file.as_deref()))?;
    let tls =
        tls(args.tls_cert.as_deref().or(set.tls_cert.as_deref()), args.tls_key.as_deref().or(set.tls_key.as_deref()))?;
    let reachable = !addresses.iter().all(|a| a.ip().to_canonical().is_loopback());
    if reachable && password.is_none() {
        return Err(Error::usage(format!("{address} can be reached from other machines, so a password is needed"))
            .hint("--password-file FILE, or EDDYLINE_PG_PASSWORD")
            .hint("to serve this machine only: --pg 127.0.0.1:5433"));
    }
    if reachable && tls.is_none() {
        say::warning(
            "connections are not encrypted: give --tls-cert and --tls-key, or serve behind something that does",
        );
    }
    let engine = crate::query::Options { postgres: true, ..args.engine.options(config)? };
    let options = Options {
        user: args.user.clone().or(set.user.clone()),
        password,
        tls,
        max_connections: args.max_connections.or(set.max_connections).unwrap_or(MAX_CONNECTIONS).max(1),
        memory: engine.memory,
    };
    let (store, definitions) = (args.place.open(config, false)?, args.place.definitions(config)?);
    // Listens for signals before anyone can be told the address.
    let mut signals = Signals::listen()?;
    let session = Session::open(store, definitions, engine).await?;
    let listener = Listener::bind(&addresses, session, options).await?;
    print(&format!("{}\n", told(listener.address()?)))?;
    let served = listener
        .serve(async {
            signals.next().await;
        })
        .await?;
    say::note(&format!("stopped; clients that were still connected: {}", served.connected));
    Ok(())
}

/// The line that says where to connect.
fn told(address: SocketAddr) -> String {
    let host = match address.ip() {
        ip if ip.is_unspecified() => "localhost".to_string(),
        ip => ip.to_string(),
    };
    format!("serving on {address}: psql -h {host} -p {} -d {}", address.port(), crate::query::postgres::DATABASE)
}

async fn resolve(address: &str) -> Result<Vec<SocketAddr>> {
    let wrong =
        || Error::usage(format!("--pg: `{address}` is no address")).hint("write HOST:PORT, such as 127.0.0.1:5433");
    let found: Vec<SocketAddr> = tokio::net::lookup_host(address).await.map_err(|e| wrong().because(e))?.collect();
    if found.is_empty() { Err(wrong()) } else { Ok(found) }
}

fn password(file: Option<&Path>) -> Result<Option<Password>> {
    let text = match file {
        Some(file) => {
            let wrong = |e| Error::usage(format!("--password-file: cannot read {}", file.display())).because(e);
            let text = std::fs::read_to_string(file).map_err(wrong)?;
            // Editors end a file with a line end; it is no part of the password.
            let text = text.strip_suffix('\n').unwrap_or(&text);
            Some(text.strip_suffix('\r').unwrap_or(text).to_string())
        }
        None => config::pg_password(),
    };
    text.as_deref().map(Password::new).transpose()
}

fn tls(certificate: Option<&Path>, key: Option<&Path>) -> Result<Option<Tls>> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Tls::read(certificate, key).map(Some),
        (None, None) => Ok(None),
        _ => Err(Error::usage("TLS needs both --tls-cert and --tls-key")),
    }
}
