// Package accounts keeps who may do what at Central's page: users with their passwords,
// sessions, tokens for programs and the first token, in board.db.
//
// What lets somebody in is kept as a hash: passwords by argon2id, and sessions and tokens, which
// are 256 random bits, by SHA-256. All of them are in memory as well, so a request costs no disk.
package accounts
