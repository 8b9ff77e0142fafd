//! The certificate connections are encrypted with. Files that cannot be used stop the start: falling back to none
//! would send passwords and rows in the clear.

use crate::error::{Error, Result};
use datafusion_postgres::pgwire::tokio::TlsAcceptor;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::pki_types::pem::PemObject;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::{ServerConfig, crypto};
use std::path::Path;
use std::sync::Arc;

/// What clients ask for when they begin with TLS at once.
const ALPN: &[u8] = b"postgresql";

/// A certificate and its key, ready to use.
#[derive(Clone)]
pub struct Tls {
    pub(super) acceptor: TlsAcceptor,
    /// The certificate as it stands in the file, to bind logins to it.
    pub(super) certificate: Arc<Vec<u8>>,
}

impl Tls {
    /// Reads both from PEM files.
    pub fn read(certificate: &Path, key: &Path) -> Result<Tls> {
        let wrong = |what: &str, path: &Path| Error::usage(format!("cannot use {what} {}", path.display()));
        let of_certificate = || wrong("the certificate", certificate);
        let text = std::fs::read(certificate).map_err(|e| of_certificate().because(e))?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
            .collect::<std::result::Result<_, _>>()
            .map_err(|e| of_certificate().because(e.to_string()))?;
        if chain.is_empty() {
            return Err(of_certificate().because("there is no certificate in it").hint("it must be a PEM file"));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|e| {
            wrong("the key", key).because(e.to_string()).hint("it must be an unencrypted key in a PEM file")
        })?;
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::failed("cannot set up TLS").because(e))?
            .with_no_client_auth()
            .with_single_cert(chain, private);
        let mut config = config.map_err(|e| of_certificate().because(e))?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: Arc::new(text) })
    }
}
