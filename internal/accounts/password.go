package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"evcp/internal/language"
)

// hashCost is the cost of argon2id.
type hashCost struct {
	memory, rounds uint32 // memory in KiB
	threads        uint8
}

// newCost is that of new passwords: the first choice of OWASP's cheat sheet with little memory.
// It is in each hash, so old ones stay good when it grows.
var newCost = hashCost{memory: 19 << 10, rounds: 2, threads: 1}

const (
	saltBytes, keyBytes = 16, 32
	minPassword         = 10 // characters
	maxPassword         = 1000
	// maxCost bounds what a hash in the file may ask for, in KiB and rounds.
	maxMemory, maxRounds = 1 << 20, 100
)

// ErrPassword is a password that can't be one.
var ErrPassword = language.Coded("password")

func checkPassword(name, password string) error {
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword || !utf8.ValidString(password) || strings.EqualFold(name, password) {
		return ErrPassword
	}
	return nil
}

// hashing bounds how many passwords are hashed at once: each takes 19 MB and a CPU.
var hashing = make(chan struct{}, 2)

// hashed runs f when there is room for it.
func hashed(ctx context.Context, f func()) error {
	select {
	case hashing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-hashing }()
	f()
	return nil
}

// PasswordHash is the hash of a password, as a PHC string.
type PasswordHash string

// HashPassword hashes the password of a new user.
func HashPassword(ctx context.Context, name, password string) (hash PasswordHash, err error) {
	if err := checkPassword(name, password); err != nil {
		return "", err
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	err = hashed(ctx, func() { hash = newCost.text(salt, newCost.key(password, salt, keyBytes)) })
	return hash, err
}

func (c hashCost) key(password string, salt []byte, n uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.rounds, c.memory, c.threads, n)
}

var phc = base64.RawStdEncoding

func (c hashCost) text(salt, key []byte) PasswordHash {
	return PasswordHash(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.rounds, c.threads, phc.EncodeToString(salt), phc.EncodeToString(key)))
}

// parse reads a hash. ok is false for what this package did not write.
func (h PasswordHash) parse() (c hashCost, salt, key []byte, ok bool) {
	parts := strings.Split(string(h), "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return c, nil, nil, false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.rounds, &c.threads); err != nil {
		return c, nil, nil, false
	}
	salt, err1 := phc.DecodeString(parts[4])
	key, err2 := phc.DecodeString(parts[5])
	ok = err1 == nil && err2 == nil && len(salt) >= 8 && len(key) == keyBytes &&
		c.memory >= 8 && c.memory <= maxMemory && c.rounds >= 1 && c.rounds <= maxRounds && c.threads >= 1
	return c, salt, key, ok
}

// matches compares a password with the hash of a user. The hash "" is of nobody; it takes as
// long as any other, so that the time does not tell which names there are.
func (h PasswordHash) matches(ctx context.Context, password string) (fits bool, err error) {
	c, salt, key, ok := h.parse()
	if !ok {
		c, salt, key = newCost, make([]byte, saltBytes), make([]byte, keyBytes)
	}
	if len(password) > 4*maxPassword {
		password, ok = "", false
	}
	err = hashed(ctx, func() { fits = subtle.ConstantTimeCompare(c.key(password, salt, keyBytes), key) == 1 && ok })
	return fits, err
}
