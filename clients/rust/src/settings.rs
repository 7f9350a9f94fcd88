//! How a client connects.

use std::net::IpAddr;
use std::time::Duration;

use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::{Client, Error};

const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of a client that is not made yet; see [`Client::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    address: String,
    tls: Option<ClientTlsConfig>,
    token: Option<String>,
    insecure_token: bool,
    patience: Duration,
}

impl ClientBuilder {
    pub(crate) fn new(address: String) -> Self {
        Self { address, tls: None, token: None, insecure_token: false, patience: Duration::from_secs(120) }
    }

    /// Connects over TLS, and trusts what the system trusts.
    pub fn tls(self) -> Self {
        self.tls_config(ClientTlsConfig::new().with_native_roots())
    }

    /// Connects over TLS, and trusts the authorities in this PEM only.
    pub fn ca_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        let config = self.tls.take().unwrap_or_default();
        self.tls_config(config.ca_certificate(Certificate::from_pem(pem)))
    }

    /// Connects over TLS and shows a certificate of one's own, for mutual TLS. Both are PEM.
    pub fn identity(mut self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        let config = self.tls.take().unwrap_or_default();
        self.tls_config(config.identity(Identity::from_pem(certificate, key)))
    }

    /// Connects over TLS with a configuration of tonic's.
    pub fn tls_config(mut self, config: ClientTlsConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Sends a bearer token with every call. Without TLS it is sent to this machine only.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Lets the token travel in the clear over a network, where everybody on the way can read and use it.
    pub fn insecure_token(mut self) -> Self {
        self.insecure_token = true;
        self
    }

    /// For how long calls that may be repeated, readers and sessions try to get a lost server back: 2 minutes unless
    /// this is called. Zero gives up at once.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Makes the client. It connects when it is first used. Needs a runtime of tokio's around it.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if the address, the certificates or the token cannot be used, and if the token would travel
    /// in the clear.
    pub fn build(self) -> Result<Client, Error> {
        let channel = self.endpoint()?.connect_lazy();
        self.with_channel(channel)
    }

    fn with_channel(self, channel: Channel) -> Result<Client, Error> {
        let token = self.token.as_deref().map(bearer).transpose()?;
        Ok(Client::new(channel, token, self.patience))
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        if self.token.is_some() && self.tls.is_none() && !self.insecure_token && !is_loopback(&self.address) {
            return Err(Error::Settings(format!(
                "the token would travel to {} in the clear: use TLS, or `insecure_token`",
                self.address
            )));
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{}", self.address))
            .map_err(|fault| Error::Settings(format!("{} is no address: {fault}", self.address)))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .http2_adaptive_window(true);
        match &self.tls {
            None => Ok(endpoint),
            Some(config) => endpoint.tls_config(config.clone()).map_err(|fault| {
                let cause = std::error::Error::source(&fault).map(|cause| format!(": {cause}"));
                Error::Settings(format!("the certificates cannot be used: {fault}{}", cause.unwrap_or_default()))
            }),
        }
    }
}

fn bearer(token: &str) -> Result<AsciiMetadataValue, Error> {
    let mut value = AsciiMetadataValue::try_from(format!("Bearer {token}"))
        .map_err(|_| Error::Settings("the token has characters that no header can have".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(builder: ClientBuilder) -> String {
        match builder.build() {
            Err(Error::Settings(fault)) => fault,
            other => panic!("no fault of the settings: {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_token_does_not_leave_this_machine_in_the_clear() {
        for address in ["tasks.example.org:50051", "10.0.0.1:50051", "127.0.0.1.example.org:50051"] {
            assert!(fault(Client::builder(address).token("t")).contains("in the clear"));
            assert!(Client::builder(address).token("t").insecure_token().build().is_ok());
        }
        for address in ["localhost:50051", "127.0.0.1:50051", "127.8.8.8:1", "[::1]:50051"] {
            assert!(Client::builder(address).token("t").build().is_ok(), "{address}");
        }
    }

    #[tokio::test]
    async fn settings_that_cannot_be_used_are_told_at_once() {
        assert!(fault(Client::builder("no address")).contains("no address"));
        assert!(fault(Client::builder("localhost:1").token("a\nb")).contains("token"));
        assert!(fault(Client::builder("localhost:1").identity("no", "pem")).contains("certificates"));
    }

    #[test]
    fn a_token_is_not_written_by_debug() {
        assert!(!format!("{:?}", bearer("secret").unwrap()).contains("secret"));
    }
}
