//! Only its tests are of use: programs that the compiler is to refuse, with what it is to say of each.
