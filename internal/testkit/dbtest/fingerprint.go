package dbtest

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/gomph/gomph/internal/kit/db"
)

// fingerprint names a schema, so that a template made from another one is not used.
func fingerprint(steps []db.Migration) string {
	h := sha256.New()
	for _, s := range steps {
		h.Write([]byte(s.SQL))
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
