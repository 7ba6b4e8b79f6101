// Package outside builds programs in modules of their own, as those of users are:
// what they need of this module must be public. It is tests only.
package outside
