//! OpenID Connect: a provider says who somebody is. Authorization code with PKCE, state and nonce; the ID token is
//! verified with the provider's published keys; what it says is looked up by issuer and subject, never by name or mail.

mod outgoing;

use crate::model::sign_in_settings::ProviderSignIn;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm as Algorithm, CoreProviderMetadata, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError,
    StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
};
use outgoing::Outgoing;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What a provider has published is asked for anew after this long.
const KNOWN_FOR: Duration = Duration::from_secs(300);
/// A provider that did not answer is left alone for this long.
const LEFT_ALONE_FOR: Duration = Duration::from_secs(5);

/// Signatures that only the provider can make. Not `none`, and not those by a secret that both know.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// What is known of the provider, for a while.
#[derive(Default)]
pub struct Provider {
    known: Mutex<Option<Found>>,
}

struct Found {
    settings: ProviderSignIn,
    at: Instant,
    result: Result<Arc<Known>, ProviderError>,
}

/// A provider as it describes itself.
struct Known {
    outgoing: Outgoing,
    metadata: CoreProviderMetadata,
}

/// A sign-in that has begun: what must come back with it.
#[derive(Serialize, Deserialize)]
pub struct Attempt {
    state: String,
    nonce: String,
    verifier: String,
    /// Where to go afterwards.
    pub to: String,
    /// Unix seconds.
    pub until: i64,
}

/// What a provider has sent the browser back with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Return {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Who somebody is, as the provider says.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// Issuer and subject.
    pub subject: String,
    /// All that it says.
    pub claims: Map<String, Value>,
}

/// Why the provider can't say who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// It does not answer, or not as it should: for the administrator.
    #[error("the OpenID provider can't be asked: {0}")]
    OutOfReach(String),
    /// It has refused, or somebody has given up there.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// What came back does not belong to a sign-in that began here.
    #[error("it does not belong to a sign-in that began in this browser")]
    Foreign,
}

/// Claims that the standard does not name.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Others {
    #[serde(flatten)]
    others: HashMap<String, Value>,
}

impl AdditionalClaims for Others {}

type Fields =
    IdTokenFields<Others, EmptyExtraTokenFields, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, Algorithm>;
type Client = openidconnect::Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Provider {
    /// The address at the provider where somebody signs in, and what must be kept meanwhile. `back`: where it sends them.
    pub async fn begin(
        &self,
        settings: &ProviderSignIn,
        back: &str,
        to: &str,
        until: i64,
    ) -> Result<(String, Attempt), ProviderError> {
        let known = self.known(settings, false).await?;
        known.outgoing.is_allowed(known.metadata.authorization_endpoint().url().as_str())?;
        let client = client(settings, &known, back)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        let (address, state, nonce) = request.url();
        let attempt = Attempt {
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            to: to.to_owned(),
            until,
        };
        Ok((address.into(), attempt))
    }

    /// Who came back.
    pub async fn finish(
        &self,
        settings: &ProviderSignIn,
        back: &str,
        attempt: Attempt,
        returned: Return,
    ) -> Result<Identity, ProviderError> {
        // RFC 9207: another provider's answer is not this one's.
        let is_its = returned.iss.as_ref().is_none_or(|issuer| *issuer == settings.issuer);
        if returned.state.as_ref() != Some(&attempt.state) || !is_its {
            return Err(ProviderError::Foreign);
        }
        let code = match (returned.code, returned.error) {
            (Some(code), None) => code,
            (_, Some(error)) => return Err(ProviderError::Refused(word(&error))),
            (None, None) => return Err(ProviderError::Foreign),
        };
        let known = self.known(settings, false).await?;
        let client = client(settings, &known, back)?;
        let http = |request| known.outgoing.send(request);
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| out_of_reach(&error))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier))
            .request_async(&http)
            .await
            .map_err(|error| match error {
                openidconnect::RequestTokenError::ServerResponse(refusal) => {
                    ProviderError::Refused(word(refusal.error().as_ref()))
                }
                error => out_of_reach(&error),
            })?;
        let token = answer.id_token().ok_or_else(|| ProviderError::OutOfReach("it sent no ID token".to_owned()))?;
        let nonce = Nonce::new(attempt.nonce);
        let verified = token.claims(&client.id_token_verifier().set_allowed_algs(ALGORITHMS), &nonce);
        let said = match verified {
            Ok(claims) => serde_json::to_value(claims),
            // It has new keys.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let known = self.known(settings, true).await?;
                let client = self::client(settings, &known, back)?;
                let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
                let claims = token.claims(&verifier, &nonce).map_err(|error| out_of_reach(&error))?;
                serde_json::to_value(claims)
            }
            Err(error) => return Err(out_of_reach(&error)),
        };
        let mut claims = object(said.map_err(|error| out_of_reach(&error))?);
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        if subject.is_empty() {
            return Err(ProviderError::OutOfReach("its ID token has no subject".to_owned()));
        }
        let wanted = [Some(&settings.name_claim), Some(&settings.groups_claim), settings.person_claim.as_ref()];
        if wanted.into_iter().flatten().any(|claim| !claims.contains_key(claim))
            && let Ok(request) = client
                .user_info(answer.access_token().clone(), Some(openidconnect::SubjectIdentifier::new(subject.clone())))
        {
            let more: UserInfoClaims<Others, CoreGenderClaim> =
                request.request_async(&http).await.map_err(|error| out_of_reach(&error))?;
            let more = serde_json::to_value(more).map_err(|error| out_of_reach(&error))?;
            // What is signed counts first.
            for (claim, value) in object(more) {
                claims.entry(claim).or_insert(value);
            }
        }
        Ok(Identity { subject: format!("{} {subject}", settings.issuer), claims })
    }

    /// Whether the provider can be asked: for who looks whether all is in order.
    pub async fn look(&self, settings: &ProviderSignIn) -> Result<String, ProviderError> {
        let known = self.known(settings, true).await?;
        known.outgoing.is_allowed(known.metadata.authorization_endpoint().url().as_str())?;
        let keys = known.metadata.jwks().keys().len();
        Ok(format!("{} describes itself and has {keys} keys", settings.issuer))
    }

    async fn known(&self, settings: &ProviderSignIn, anew: bool) -> Result<Arc<Known>, ProviderError> {
        let mut found = self.known.lock().await;
        if let Some(found) = found.as_ref().filter(|found| found.settings == *settings) {
            let lasts = if found.result.is_ok() && !anew { KNOWN_FOR } else { LEFT_ALONE_FOR };
            if found.at.elapsed() < lasts && !(anew && found.result.is_ok()) {
                return found.result.clone();
            }
        }
        let result = discover(settings).await.map(Arc::new);
        *found = Some(Found { settings: settings.clone(), at: Instant::now(), result: result.clone() });
        result
    }
}

impl Identity {
    /// A claim as text.
    pub fn text(&self, claim: &str) -> Option<String> {
        match self.claims.get(claim)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Whether a claim is this text, or a list that holds it.
    pub fn holds(&self, claim: &str, text: &str) -> bool {
        match self.claims.get(claim) {
            Some(Value::String(one)) => one == text,
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(text)),
            _ => false,
        }
    }
}

async fn discover(settings: &ProviderSignIn) -> Result<Known, ProviderError> {
    let outgoing = Outgoing::new(settings)?;
    let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|error| out_of_reach(&error))?;
    let http = |request| outgoing.send(request);
    // The issuer that it calls itself must be the one that is trusted: the library holds them against each other.
    let metadata = CoreProviderMetadata::discover_async(issuer, &http).await.map_err(|error| out_of_reach(&error))?;
    Ok(Known { outgoing, metadata })
}

fn client(settings: &ProviderSignIn, known: &Known, back: &str) -> Result<Client, ProviderError> {
    let secret = match &settings.client_secret {
        Some(secret) => {
            let secret = secret.read().map_err(ProviderError::OutOfReach)?;
            Some(ClientSecret::new(secret.expose().to_owned()))
        }
        None => None,
    };
    let client =
        Client::from_provider_metadata(known.metadata.clone(), ClientId::new(settings.client_id.clone()), secret);
    Ok(client.set_redirect_uri(RedirectUrl::new(back.to_owned()).map_err(|error| out_of_reach(&error))?))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// An error's whole story, without what a provider has sent: that may hold anything.
fn out_of_reach(error: &dyn std::error::Error) -> ProviderError {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        story = format!("{story}: {next}");
        cause = next.source();
    }
    ProviderError::OutOfReach(story.chars().filter(|c| !c.is_control()).take(300).collect())
}

/// An error code of OAuth: a few plain letters.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "_- ".contains(*c)).take(60).collect()
}
