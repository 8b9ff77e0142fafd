//! Who may come in: TLS where it is configured, the database there is, the password, and a free place.

use super::connection::{Connection, Known};
use super::failure::fatal;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::query::postgres::DATABASE;
use async_trait::async_trait;
use datafusion_postgres::pgwire::api::auth::sasl::SASLAuthStartupHandler;
use datafusion_postgres::pgwire::api::auth::sasl::scram::{
    SCRAM_ITERATIONS, ScramAuth, gen_salted_password, random_nonce,
};
use datafusion_postgres::pgwire::api::auth::{
    AuthSource, LoginInfo, Password as Expected, ServerParameterProvider, StartupHandler, finish_authentication,
    protocol_negotiation, save_startup_parameters_to_metadata,
};
use datafusion_postgres::pgwire::api::{ClientInfo, PgWireConnectionState, PidSecretKeyGenerator};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::startup::Startup;
use datafusion_postgres::pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use futures::Sink;
use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

/// A password, salted: the text itself is forgotten.
#[derive(Clone)]
pub struct Password {
    salt: Vec<u8>,
    salted: Vec<u8>,
    /// What users that do not exist are measured against.
    decoy: Vec<u8>,
}

impl Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// Salts a password.
    pub fn new(text: &str) -> Result<Password> {
        if text.is_empty() {
            return Err(Error::usage("the password is empty"));
        }
        let salt = random_nonce().into_bytes();
        let salted = gen_salted_password(text, &salt, SCRAM_ITERATIONS);
        let decoy = gen_salted_password(&random_nonce(), &salt, SCRAM_ITERATIONS);
        Ok(Password { salt, salted, decoy })
    }
}

/// What SCRAM asks for: the password of the user who logs in.
#[derive(Debug)]
struct Passwords {
    password: Password,
    user: Option<String>,
}

#[async_trait]
impl AuthSource for Passwords {
    async fn get_password(&self, login: &LoginInfo) -> PgWireResult<Expected> {
        let Password { salt, salted, decoy } = &self.password;
        let known = self.user.as_deref().is_none_or(|user| login.user() == Some(user));
        let expected = if known { salted } else { decoy };
        Ok(Expected::new(Some(salt.clone()), expected.clone()))
    }
}

/// What clients are told when they are in.
pub struct Announced(Arc<Known>);

impl ServerParameterProvider for Announced {
    fn server_parameters<C>(&self, client: &C) -> Option<HashMap<String, String>>
    where
        C: ClientInfo,
    {
        let settings = self.0.settings();
        let mut told: HashMap<String, String> =
            settings.told().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        told.insert("session_authorization".into(), user_of(client));
        Some(told)
    }
}

/// The exchange of one login.
pub type Exchange = SASLAuthStartupHandler<Announced>;

/// Prepares the exchange, where a password is asked for.
pub fn exchange(server: &super::server::Server, known: &Arc<Known>) -> Option<Exchange> {
    let password = server.options.password.clone()?;
    let mut scram = ScramAuth::new(Arc::new(Passwords { password, user: server.options.user.clone() }));
    if let Some(tls) = &server.options.tls {
        // Some kinds of certificates cannot be bound to; the login is then as safe as TLS itself.
        let _ = scram.configure_certificate(&tls.certificate);
    }
    let exchange = SASLAuthStartupHandler::new(Arc::new(Announced(known.clone())));
    Some(exchange.with_scram(scram).with_pid_secret_key_generator(server.keys.clone()))
}

/// The name a client gave.
pub fn user_of<C: ClientInfo>(client: &C) -> String {
    client.metadata().get("user").cloned().unwrap_or_default()
}

impl Connection {
    /// Looks at what a client asks for before it is asked for anything.
    fn admit<C: ClientInfo>(&self, client: &C, startup: &Startup) -> PgWireResult<()> {
        if self.server.options.tls.is_some() && !client.is_secure() {
            let hint = Some("connect with sslmode=require");
            return Err(fatal("28000", "connections must be encrypted here", hint));
        }
        let asked = &startup.parameters;
        if asked.get("replication").is_some_and(|r| r != "false" && r != "off" && r != "0") {
            return Err(fatal("0A000", "replication is not served", None));
        }
        let user = asked.get("user").cloned().unwrap_or_default();
        if user.is_empty() {
            return Err(fatal("28000", "no user name was given", None));
        }
        let database = asked.get("database").unwrap_or(&user);
        if database != DATABASE {
            let what = format!("there is no database \"{database}\"");
            return Err(fatal("3D000", what, Some("its name is eddyline: psql -d eddyline")));
        }
        let options = asked.get("options").map(|o| options(o)).unwrap_or_default();
        let wishes = asked.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let wishes = wishes.chain(options.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.known.begin(user, Settings::of_client(wishes));
        Ok(())
    }

    /// Takes one of the places there are.
    fn take_place(&self) -> PgWireResult<()> {
        if self.known.has_place() {
            return Ok(());
        }
        match self.server.places.clone().try_acquire_owned() {
            Ok(place) => {
                self.known.take(place);
                Ok(())
            }
            Err(_) => {
                let hint = Some("raise --max-connections, or close some");
                Err(fatal("53300", "there are too many clients already", hint))
            }
        }
    }
}

/// The settings in the `options` of a connection: `-c name=value`, `--name=value`.
fn options(text: &str) -> Vec<(String, String)> {
    let words = text.split_whitespace().filter(|word| *word != "-c");
    let pairs = words.filter_map(|word| word.trim_start_matches("-c").trim_start_matches("--").split_once('='));
    pairs.map(|(name, value)| (name.replace('-', "_"), value.to_string())).collect()
}

#[async_trait]
impl StartupHandler for Connection {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if self.known.is_in() {
            return Err(fatal("08P01", "the connection has begun already", None));
        }
        match (&message, &self.exchange) {
            (PgWireFrontendMessage::Startup(startup), _) => self.admit(client, startup)?,
            // A place is taken once the client has shown that it takes part: who only connects holds none.
            (PgWireFrontendMessage::PasswordMessageFamily(_), Some(_)) => self.take_place()?,
            _ => {}
        }
        match (&self.exchange, &message) {
            (Some(exchange), _) => exchange.on_startup(client, message).await?,
            (None, PgWireFrontendMessage::Startup(startup)) => {
                self.take_place()?;
                protocol_negotiation(client, startup).await?;
                save_startup_parameters_to_metadata(client, startup);
                let (number, secret) = self.server.keys.generate(client);
                client.set_pid_and_secret_key(number, secret);
                finish_authentication(client, &Announced(self.known.clone())).await?;
            }
            (None, _) => {}
        }
        if matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            let (number, secret) = client.pid_and_secret_key();
            self.known.let_in(self.server.stops.add(number, &secret, self.stop.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_connection() {
        let of = |text: &str| options(text).into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>();
        assert_eq!(
            of("-c statement_timeout=5s -cjit=off --search-path=public"),
            ["statement_timeout=5s", "jit=off", "search_path=public"]
        );
        assert_eq!(of("-d 5"), Vec::<String>::new());
    }

    #[test]
    fn a_password_is_salted_and_not_shown() {
        let (one, two) = (Password::new("correct horse").unwrap(), Password::new("correct horse").unwrap());
        assert_ne!(one.salted, two.salted);
        assert_ne!(one.salted, one.decoy);
        assert_eq!(format!("{one:?}"), "Password");
        assert!(Password::new("").is_err());
    }
}
