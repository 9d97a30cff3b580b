package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/gomph/gomph/internal/kit/errs"
)

// Lengths of a password: in characters at least, as Mastodon's; in bytes at most, so that hashing stays cheap to start.
const (
	MinPassword = 8
	maxPassword = 256
)

// The cost of argon2id, OWASP's first choice: 19 MiB, two passes, one lane.
const (
	argonMemory  = 19 << 10
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32
	// Hashes of other servers or older settings may ask for at most this.
	maxArgonMemory = 128 << 10
	maxArgonTime   = 10
)

// hasher bounds how many passwords are hashed at once: each takes 19 MiB and a core.
type hasher struct {
	slots chan struct{}
	// decoy is the hash that is checked for people who do not exist, so that they take as long (SES-06).
	decoy string
}

func newHasher() hasher {
	decoy := encodeArgon(make([]byte, argonSalt), make([]byte, argonKey))
	return hasher{slots: make(chan struct{}, max(2, runtime.NumCPU())), decoy: decoy}
}

// run waits for a slot.
func (h hasher) run(ctx context.Context, fn func()) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
	defer func() { <-h.slots }()
	fn()
	return nil
}

func (h hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails
	var out string
	err := h.run(ctx, func() {
		out = encodeArgon(salt, argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey))
	})
	return out, err
}

func encodeArgon(salt, key []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, b.EncodeToString(salt), b.EncodeToString(key))
}

// verify reports whether the password is the hash's. An empty hash stands for nobody: it costs as much and never fits. old
// says that the hash should be made anew.
func (h hasher) verify(ctx context.Context, hash, password string) (ok, old bool, err error) {
	nobody := hash == "" || len(password) > maxPassword
	if nobody {
		hash = h.decoy
		password = password[:min(len(password), maxPassword)]
	}
	err = h.run(ctx, func() {
		if strings.HasPrefix(hash, "$2") {
			ok, old = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil, true
			return
		}
		ok, old = checkArgon(hash, password)
	})
	return ok && !nobody, old, err
}

func checkArgon(hash, password string) (ok, old bool) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, false
	}
	var version int
	var memory, passes uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil {
		return false, false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || memory < 8 || memory > maxArgonMemory || passes < 1 || passes > maxArgonTime || threads < 1 || len(want) < 16 || len(want) > 64 {
		return false, false
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, memory != argonMemory || passes != argonTime || threads != argonThreads
}

// checkPassword says what is wrong with a new password.
func checkPassword(password string) []errs.Detail {
	switch {
	case password == "":
		return []errs.Detail{{Code: "ERR_BLANK", Description: "can't be blank"}}
	case utf8.RuneCountInString(password) < MinPassword:
		return []errs.Detail{{Code: "ERR_TOO_SHORT", Description: fmt.Sprintf("is too short (minimum is %d characters)", MinPassword)}}
	case len(password) > maxPassword:
		return []errs.Detail{{Code: "ERR_TOO_LONG", Description: fmt.Sprintf("is too long (maximum is %d characters)", maxPassword)}}
	}
	return nil
}

// HashPassword is the form in which a password is kept.
func (s *Service) HashPassword(ctx context.Context, password string) (string, error) {
	return s.hasher.hash(ctx, password)
}
