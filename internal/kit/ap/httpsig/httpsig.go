// Package httpsig owns HTTP signatures: draft-cavage-12 as Mastodon speaks it, and RFC 9421 beside it.
//
// One request is judged by one scheme and one signature: Signature-Input selects RFC 9421, else draft-cavage is read. How a signature is verified
// follows from the type of the key, never from what the request asks for. Verify is told the body that was received and computes the digest
// itself; it says who signed, not whether the signer may do what the body says.
package httpsig

import (
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// The limits on what is read before a key is known. Real headers stay under 2 KiB.
const (
	maxHeader     = 8 << 10
	maxParams     = 16
	maxComponents = 32
	// maxSignature is the length of a signature by the longest key, in base64.
	maxSignature = maxRSABits/8*4/3 + 4
)

// The time rules of Mastodon: a signature lives for 12 hours, and clocks may differ by one. An explicit expiry is meant exactly, so it gets less.
const (
	Window     = 12 * time.Hour
	Skew       = time.Hour
	expirySkew = 5 * time.Minute
)

// Key is a public key as its owner publishes it.
type Key struct {
	// ID is the address of the key, and Owner that of the actor.
	ID     string
	Owner  string
	Public crypto.PublicKey
}

// Signer signs requests for one key. Private is RSA, or Ed25519 for RFC 9421.
type Signer struct {
	KeyID   string
	Private crypto.Signer
}

// Parsed is a signature as read from a request, not yet verified.
type Parsed struct {
	// KeyID is the address of the key that the signer claims to use: valid http or https.
	KeyID string

	rfc9421    bool
	algorithm  string
	components []string
	created    *time.Time
	expires    *time.Time
	// createdText and expiresText are the parameters as sent, since the signature covers their spelling.
	createdText, expiresText string
	// params is the text of the RFC 9421 signature parameters.
	params    string
	signature []byte
}

// Signed reports whether a request carries a signature of any kind.
func Signed(r *http.Request) bool {
	return len(r.Header.Values("Signature")) > 0 || len(r.Header.Values("Signature-Input")) > 0
}

// Parse reads the signature of a request strictly; it costs no more than the header is long.
func Parse(r *http.Request) (Parsed, error) {
	if !Signed(r) {
		return Parsed{}, refuse("Request not signed")
	}
	signature, err := single(r, "Signature")
	if err != nil {
		return Parsed{}, err
	}
	var p Parsed
	if len(r.Header.Values("Signature-Input")) > 0 {
		var input string
		if input, err = single(r, "Signature-Input"); err != nil {
			return Parsed{}, err
		}
		p, err = parseRFC9421(input, signature)
	} else {
		p, err = parseCavage(signature)
	}
	if err != nil {
		return Parsed{}, err
	}
	if !weburl.Valid(p.KeyID) {
		return Parsed{}, refuse("The keyId of the signature is not a valid address")
	}
	return p, nil
}

// Verify checks that the key made this signature over this request and over the body that was received, in time, and that it covers enough.
func (p Parsed) Verify(r *http.Request, body []byte, key crypto.PublicKey, now time.Time) error {
	if err := CheckPublic(key); err != nil {
		return errs.Wrap(errs.UnauthorizedKind, err, "The key of the signature is not usable")
	}
	if p.rfc9421 {
		return p.verifyRFC9421(r, body, key, now)
	}
	return p.verifyCavage(r, body, key, now)
}

func refuse(format string, args ...any) error {
	return errs.New(errs.UnauthorizedKind, format, args...)
}

// single is the value of a header that must be there once.
func single(r *http.Request, name string) (string, error) {
	values := r.Header.Values(name)
	if len(values) != 1 || values[0] == "" {
		return "", refuse("Exactly one %s header is needed", name)
	}
	if len(values[0]) > maxHeader {
		return "", refuse("The %s header is too long", name)
	}
	for i := range len(values[0]) {
		if c := values[0][i]; c < ' ' || c > '~' {
			return "", refuse("The %s header is not plain ASCII", name)
		}
	}
	return values[0], nil
}

// inWindow checks the time rules; expires may be nil.
func inWindow(created time.Time, expires *time.Time, now time.Time) error {
	if created.After(now.Add(Skew)) {
		return refuse("The signature is dated in the future")
	}
	if now.After(created.Add(Window + Skew)) {
		return refuse("The signature is too old")
	}
	if expires != nil && now.After(expires.Add(expirySkew)) {
		return refuse("The signature has expired")
	}
	return nil
}

// unixTime reads seconds since 1970. Eleven digits reach the year 5138.
func unixTime(text string) (*time.Time, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || len(text) > 11 {
		return nil, refuse("The signature's time is not a number of seconds")
	}
	t := time.Unix(int64(n), 0).UTC() //nolint:gosec // eleven digits fit
	return &t, nil
}

func decodeSignature(text string) ([]byte, error) {
	if len(text) > maxSignature {
		return nil, refuse("The signature is too long")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, refuse("The signature is not valid base64")
	}
	return b, nil
}

// headerValue is the value that a signature covers. Headers that decide something may not be repeated.
func headerValue(r *http.Request, name string, body []byte) (string, error) {
	if name == "host" {
		return host(r), nil
	}
	values := r.Header.Values(name)
	if len(values) == 0 && name == "content-length" {
		return strconv.Itoa(len(body)), nil
	}
	if len(values) == 0 {
		return "", refuse("The signature covers the header %s, which is missing", name)
	}
	if len(values) > 1 && slices.Contains([]string{"date", "digest", "content-digest", "content-type", "content-length"}, name) {
		return "", refuse("The header %s is repeated", name)
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.TrimSpace(v)
	}
	return strings.Join(trimmed, ", "), nil
}

func host(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// requestTarget is path and query exactly as they are on the wire; an absolute form is reduced to them.
func requestTarget(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// hasBody reports whether the digest of the body must be signed: what can change something, even with an empty body, and whatever has one.
func hasBody(r *http.Request, body []byte) bool {
	return len(body) > 0 || r.Method != http.MethodGet && r.Method != http.MethodHead
}

// validName reports whether s is a header name in lower case, or one of the names in extra.
func validName(s string, extra ...string) bool {
	if slices.Contains(extra, s) {
		return true
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (s Signer) sign(text string, options crypto.SignerOpts) ([]byte, error) {
	input := []byte(text)
	if h := options.HashFunc(); h != 0 {
		sum := h.New()
		sum.Write(input)
		input = sum.Sum(nil)
	}
	return s.Private.Sign(rand.Reader, input, options)
}
