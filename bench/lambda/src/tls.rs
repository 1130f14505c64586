//! TLS before the engine, with a certificate of its own making.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Takes TLS off connections and passes them on, until this is dropped.
#[derive(Debug)]
pub(crate) struct Terminator {
    url: String,
    certificate: PathBuf,
    _runtime: Runtime,
}

impl Terminator {
    /// Begins to listen before `endpoint`; the certificate is put into `directory`.
    pub(crate) fn start(endpoint: &str, directory: &Path) -> Result<Self, Box<dyn Error>> {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        fs::create_dir_all(directory)?;
        let certificate = directory.canonicalize()?.join("certificate.pem");
        fs::write(&certificate, cert.pem())?;
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let engine = endpoint.trim_start_matches("http://").to_owned();
        runtime.spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), engine));
        Ok(Self { url, certificate, _runtime: runtime })
    }

    /// What a function has in its environment to come this way, in any of the
    /// languages: each has its own name for the certificates that it trusts.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let certificate = self.certificate.to_string_lossy().into_owned();
        let trust = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE"];
        let trust = trust.map(|name| (name.to_owned(), certificate.clone()));
        let more = [("AWS_ENDPOINT_URL", self.url.as_str()), ("TLS_ROOTS", "system")];
        let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
        trust.into_iter().chain(more).collect()
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, engine: String) {
    while let Ok((client, _)) = listener.accept().await {
        let (acceptor, engine) = (acceptor.clone(), engine.clone());
        tokio::spawn(async move {
            // A connection ends with an error when the function is stopped.
            let _ = pass_on(client, acceptor, &engine).await;
        });
    }
}

async fn pass_on(client: TcpStream, acceptor: TlsAcceptor, engine: &str) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let mut engine = TcpStream::connect(engine).await?;
    engine.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut engine).await.map(drop)
}
