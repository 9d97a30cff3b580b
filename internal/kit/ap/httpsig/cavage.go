package httpsig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The names of draft-cavage-12 that stand for something other than a header.
const (
	pseudoTarget  = "(request-target)"
	pseudoCreated = "(created)"
	pseudoExpires = "(expires)"
)

// The algorithm names that are understood. hs2019 leaves the choice to the key; with RSA the fediverse means PKCS #1 v1.5 and SHA-256 by it.
const (
	rsaSHA256 = "rsa-sha256"
	hs2019    = "hs2019"
)

// Sign signs by draft-cavage-12 as Mastodon does: request target, host and date, and for a request with a body digest and content type. It sets
// Date, Digest and Signature.
func (s Signer) Sign(r *http.Request, body []byte, now time.Time) error {
	if _, ok := s.Private.Public().(*rsa.PublicKey); !ok {
		return errors.New("signing: draft-cavage needs an RSA key")
	}
	r.Header.Set("Date", now.UTC().Format(http.TimeFormat))
	names := []string{pseudoTarget, "host", "date"}
	if r.Header.Get("Collection-Synchronization") != "" { // what it says about followers is the signer's word too
		names = append(names, "collection-synchronization")
	}
	if hasBody(r, body) {
		r.Header.Set("Digest", "SHA-256="+sha256Base64(body))
		names = append(names, "digest")
		if r.Header.Get("Content-Type") != "" {
			names = append(names, "content-type")
		}
	}
	text, err := Parsed{components: names}.cavageText(r, body)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	signature, err := s.sign(text, crypto.SHA256)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",algorithm="%s",headers="%s",signature="%s"`,
		s.KeyID, rsaSHA256, strings.Join(names, " "), base64.StdEncoding.EncodeToString(signature)))
	return nil
}

func parseCavage(header string) (Parsed, error) {
	params, err := cavageParams(header)
	if err != nil {
		return Parsed{}, err
	}
	p := Parsed{KeyID: params["keyId"], algorithm: params["algorithm"], createdText: params["created"], expiresText: params["expires"]}
	if p.KeyID == "" || params["signature"] == "" {
		return Parsed{}, refuse("The signature lacks keyId or signature")
	}
	if p.algorithm == "" {
		p.algorithm = hs2019
	}
	if p.algorithm != rsaSHA256 && p.algorithm != hs2019 {
		return Parsed{}, refuse("Unsupported signature algorithm (only rsa-sha256 and hs2019 are supported)")
	}
	if p.signature, err = decodeSignature(params["signature"]); err != nil {
		return Parsed{}, err
	}
	if p.components, err = cavageNames(params["headers"]); err != nil {
		return Parsed{}, err
	}
	if p.createdText != "" {
		if p.created, err = unixTime(p.createdText); err != nil {
			return Parsed{}, err
		}
	}
	if p.expiresText != "" {
		if p.expires, err = unixTime(p.expiresText); err != nil {
			return Parsed{}, err
		}
	}
	return p, nil
}

// cavageParams splits `name="value",name=number`. A repeated name is refused: nobody shall guess which one counts.
func cavageParams(s string) (map[string]string, error) {
	params := map[string]string{}
	for {
		name, rest, ok := strings.Cut(strings.TrimLeft(s, " "), "=")
		if !ok || !validName(strings.ToLower(name)) || len(params) == maxParams {
			return nil, refuse("Error parsing signature parameters")
		}
		if _, twice := params[name]; twice {
			return nil, refuse("The signature parameter %s is repeated", name)
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, rest, ok = strings.Cut(rest[1:], `"`)
			if !ok || strings.Contains(value, `\`) {
				return nil, refuse("Error parsing signature parameters")
			}
		} else {
			end := strings.IndexAny(rest, ", ")
			if end < 0 {
				end = len(rest)
			}
			value, rest = rest[:end], rest[end:]
			if strings.Trim(value, "0123456789") != "" {
				return nil, refuse("Error parsing signature parameters")
			}
		}
		params[name] = value
		rest = strings.TrimLeft(rest, " ")
		if rest == "" {
			return params, nil
		}
		if rest[0] != ',' {
			return nil, refuse("Error parsing signature parameters")
		}
		s = rest[1:]
	}
}

func cavageNames(list string) ([]string, error) {
	names := strings.Fields(strings.ToLower(list))
	if len(names) == 0 || len(names) > maxComponents {
		return nil, refuse("The signature covers no headers, or too many")
	}
	for i, name := range names {
		if !validName(name, pseudoTarget, pseudoCreated, pseudoExpires) || slices.Contains(names[:i], name) {
			return nil, refuse("The signature's list of headers is not valid")
		}
	}
	return names, nil
}

func (p Parsed) covers(name string) bool { return slices.Contains(p.components, name) }

func (p Parsed) verifyCavage(r *http.Request, body []byte, key crypto.PublicKey, now time.Time) error {
	if err := p.cavageStrength(r, body); err != nil {
		return err
	}
	if err := p.cavageTime(r, now); err != nil {
		return err
	}
	if p.covers("digest") {
		if err := checkDigest(r, body); err != nil {
			return err
		}
	}
	text, err := p.cavageText(r, body)
	if err != nil {
		return err
	}
	if !p.cavageFits(text, key) {
		return refuse("Verification failed for %s", p.KeyID)
	}
	return nil
}

// cavageFits verifies the signature by the key's own method. Ed25519 is what hs2019 means by such a key; rsa-sha256 does not.
func (p Parsed) cavageFits(text string, key crypto.PublicKey) bool {
	switch public := key.(type) {
	case ed25519.PublicKey:
		return p.algorithm == hs2019 && ed25519.Verify(public, []byte(text), p.signature)
	case *rsa.PublicKey:
		sum := sha256.Sum256([]byte(text))
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], p.signature) == nil
	}
	return false
}

// cavageStrength checks that everything that matters is signed. Mastodon asks for the host on GET only; everybody signs it on POST too, and
// without it a request could be sent again to another server.
func (p Parsed) cavageStrength(r *http.Request, body []byte) error {
	switch {
	case !p.covers(pseudoTarget):
		return refuse("The (request-target) pseudo-header must be signed")
	case !p.covers("host"):
		return refuse("The Host header must be signed")
	case !p.covers("date") && !p.covers(pseudoCreated):
		return refuse("The Date header or (created) pseudo-header must be signed")
	case hasBody(r, body) && !p.covers("digest"):
		return refuse("The Digest header must be signed")
	case p.algorithm != hs2019 && (p.covers(pseudoCreated) || p.covers(pseudoExpires)):
		return refuse("Invalid pseudo-header (created) or (expires) for %s", p.algorithm)
	case p.covers(pseudoCreated) && p.created == nil, p.covers(pseudoExpires) && p.expires == nil:
		return refuse("Pseudo-header (created) or (expires) used but corresponding argument missing")
	}
	return nil
}

// cavageTime takes the time that is signed; if both are, or Date is there at all, they must agree.
func (p Parsed) cavageTime(r *http.Request, now time.Time) error {
	var expires *time.Time
	if p.algorithm == hs2019 {
		expires = p.expires
	}
	if !p.covers("date") && r.Header.Get("Date") == "" {
		return inWindow(*p.created, expires, now)
	}
	values := r.Header.Values("Date")
	if len(values) != 1 {
		return refuse("Exactly one Date header is needed")
	}
	date, err := http.ParseTime(values[0])
	if err != nil {
		return refuse("Invalid Date header")
	}
	if p.covers(pseudoCreated) {
		if date.Sub(*p.created).Abs() > Skew {
			return refuse("The signature's date and time of creation disagree")
		}
		return inWindow(*p.created, expires, now)
	}
	return inWindow(date, expires, now)
}

// checkDigest compares the Digest header with the body that was received.
func checkDigest(r *http.Request, body []byte) error {
	values := r.Header.Values("Digest")
	if len(values) != 1 || len(values[0]) > maxHeader {
		return refuse("Exactly one Digest header is needed")
	}
	given := ""
	for entry := range strings.SplitSeq(values[0], ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(entry), "=")
		if !strings.EqualFold(name, "sha-256") {
			continue
		}
		if given != "" {
			return refuse("The Digest header has two SHA-256 values")
		}
		given = value
	}
	if given == "" {
		return refuse("Only SHA-256 is supported in the Digest header")
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(sha256Base64(body))) != 1 {
		return refuse("The Digest header does not fit the body")
	}
	return nil
}

// cavageText is the text that is signed.
func (p Parsed) cavageText(r *http.Request, body []byte) (string, error) {
	lines := make([]string, len(p.components))
	for i, name := range p.components {
		var value string
		var err error
		switch name {
		case pseudoTarget:
			value = strings.ToLower(r.Method) + " " + requestTarget(r)
		case pseudoCreated:
			value = p.createdText
		case pseudoExpires:
			value = p.expiresText
		default:
			value, err = headerValue(r, name, body)
		}
		if err != nil {
			return "", err
		}
		lines[i] = name + ": " + value
	}
	return strings.Join(lines, "\n"), nil
}

func sha256Base64(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}
