//! LDAP directories.
