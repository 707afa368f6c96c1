//! See ARCHITECTURE.md at the top of the repository.
