//! Where a request may not go: link-local addresses and those at which clouds tell a machine its secrets. Names are
//! resolved once, and the connection goes to what was looked at, so that a name can't change its mind in between.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

/// Metadata services that are not link-local (AWS by IPv6, Alibaba Cloud, Oracle Cloud).
const METADATA: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// Whether requests to that address are refused.
pub fn is_refused(address: IpAddr) -> bool {
    let address = embedded(address);
    let special = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_multicast(),
    };
    special || METADATA.contains(&address)
}

/// The refusal of an address whose host is written as a refused number.
pub fn refused_literal(url: &Url) -> Option<Refused> {
    let literal = match url.host()? {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
        Host::Domain(_) => return None,
    };
    is_refused(literal).then(|| Refused::new(url.host_str().unwrap_or_default()))
}

/// The IPv4 address that an IPv6 one stands for (mapped, or NAT64), or the address itself.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let is_nat64 = segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let [a, b, c, d] = [segments[6] >> 8, segments[6], segments[7] >> 8, segments[7]].map(|part| part as u8);
    match v6.to_ipv4_mapped() {
        Some(v4) => IpAddr::V4(v4),
        None if is_nat64 => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        None => address,
    }
}

/// Resolves names to addresses that are allowed.
pub struct Allowed;

/// A name leads only to refused addresses.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Refused {
    /// The refusal of that host.
    pub fn new(host: &str) -> Self {
        Self(format!("{host} is a link-local or metadata address; set allow_link_local = true if that is meant"))
    }
}

impl Resolve for Allowed {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One bad address spoils the name: whoever made it wanted us to go there.
            if found.iter().any(|address| is_refused(address.ip())) {
                return Err(Refused::new(name.as_str()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_and_metadata_addresses_are_refused_in_every_disguise() {
        for refused in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "febf::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fd00:ec2::254",
            "100.100.100.200",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
        ] {
            assert!(is_refused(refused.parse().unwrap()), "{refused}");
        }
        for allowed in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "192.0.2.1", "::1", "fd00::1", "2001:db8::1"] {
            assert!(!is_refused(allowed.parse().unwrap()), "{allowed}");
        }
    }
}
