package httpsig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// label names our signature in the two dictionaries of RFC 9421.
const label = "sig1"

// derived are the components of RFC 9421 section 2.2 that make sense for a request.
var derived = []string{"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"}

// SignRFC9421 signs by RFC 9421: method, target URI and, for a request with a body, its digest. It sets Content-Digest, Signature-Input and Signature.
func (s Signer) SignRFC9421(r *http.Request, body []byte, now time.Time) error {
	components := []string{"@method", "@target-uri"}
	if hasBody(r, body) {
		r.Header.Set("Content-Digest", "sha-256=:"+sha256Base64(body)+":")
		components = append(components, "content-digest")
	}
	p := Parsed{components: components}
	p.params = fmt.Sprintf(`("%s");created=%d;keyid="%s"`, strings.Join(components, `" "`), now.Unix(), s.KeyID)
	text, err := p.rfc9421Text(r, body, r.URL.Scheme)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	options := crypto.SignerOpts(crypto.SHA256)
	if _, ok := s.Private.Public().(ed25519.PublicKey); ok {
		options = crypto.Hash(0)
	}
	signature, err := s.sign(text, options)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	r.Header.Set("Signature-Input", label+"="+p.params)
	r.Header.Set("Signature", label+"=:"+base64.StdEncoding.EncodeToString(signature)+":")
	return nil
}

// parseRFC9421 reads the two dictionaries. Only one label is taken: with two, nobody could say whose request it is.
func parseRFC9421(input, signature string) (Parsed, error) {
	name, params, ok := strings.Cut(strings.TrimSpace(input), "=")
	if !ok || !validName(name) {
		return Parsed{}, refuse("The Signature-Input header could not be parsed")
	}
	p := Parsed{rfc9421: true, params: params}
	rest, err := p.readComponents(params)
	if err != nil {
		return Parsed{}, err
	}
	if err = p.readParams(rest); err != nil {
		return Parsed{}, err
	}
	signatureName, value, _ := strings.Cut(strings.TrimSpace(signature), "=")
	if signatureName != name || len(value) < 2 || value[0] != ':' || value[len(value)-1] != ':' {
		return Parsed{}, refuse("The Signature header does not fit the Signature-Input header")
	}
	if p.signature, err = decodeSignature(value[1 : len(value)-1]); err != nil {
		return Parsed{}, err
	}
	if p.KeyID == "" || p.created == nil {
		return Parsed{}, refuse("The signature lacks keyid or created")
	}
	return p, nil
}

// readComponents reads the inner list `("a" "b")`. Components with parameters are refused: none is needed, and each is a way to cover less.
func (p *Parsed) readComponents(s string) (rest string, err error) {
	list, rest, ok := strings.Cut(s, ")")
	if !ok || !strings.HasPrefix(list, "(") {
		return "", refuse("The Signature-Input header could not be parsed")
	}
	for item := range strings.SplitSeq(list[1:], " ") {
		if item == "" {
			continue
		}
		name, quoted := strings.CutPrefix(item, `"`)
		name, closed := strings.CutSuffix(name, `"`)
		if !quoted || !closed || !validName(name, derived...) || slices.Contains(p.components, name) || len(p.components) == maxComponents {
			return "", refuse("The signature's list of components is not valid")
		}
		p.components = append(p.components, name)
	}
	return rest, nil
}

// readParams reads `;created=1;keyid="…"`.
func (p *Parsed) readParams(s string) (err error) {
	seen := []string{}
	for s != "" {
		var name, value string
		if name, value, s, err = nextParam(s); err != nil {
			return err
		}
		if slices.Contains(seen, name) || len(seen) == maxParams {
			return refuse("The signature parameter %s is repeated", name)
		}
		seen = append(seen, name)
		switch name {
		case "keyid":
			p.KeyID = value
		case "alg":
			p.algorithm = value
		case "created":
			p.created, err = unixTime(value)
		case "expires":
			p.expires, err = unixTime(value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nextParam takes one `;name="value"` or `;name=number` off the front.
func nextParam(s string) (name, value, rest string, err error) {
	bad := refuse("Error parsing signature parameters")
	s, ok := strings.CutPrefix(s, ";")
	if !ok {
		return "", "", "", bad
	}
	name, s, ok = strings.Cut(strings.TrimLeft(s, " "), "=")
	if !ok || !validName(name) {
		return "", "", "", bad
	}
	if strings.HasPrefix(s, `"`) {
		value, rest, ok = strings.Cut(s[1:], `"`)
		if !ok || strings.Contains(value, `\`) {
			return "", "", "", bad
		}
		return name, value, rest, nil
	}
	end := strings.IndexByte(s, ';')
	if end < 0 {
		end = len(s)
	}
	if end == 0 || strings.Trim(s[:end], "0123456789") != "" {
		return "", "", "", bad
	}
	return name, s[:end], s[end:], nil
}

func (p Parsed) verifyRFC9421(r *http.Request, body []byte, key crypto.PublicKey, now time.Time) error {
	switch {
	case !p.covers("@method") || !p.covers("@target-uri"):
		return refuse("The @method and @target-uri derived components must be signed")
	case hasBody(r, body) && !p.covers("content-digest"):
		return refuse("The Content-Digest header must be signed")
	}
	if err := inWindow(*p.created, p.expires, now); err != nil {
		return err
	}
	if p.covers("content-digest") {
		if err := checkContentDigest(r, body); err != nil {
			return err
		}
	}
	for _, scheme := range schemes(r) {
		text, err := p.rfc9421Text(r, body, scheme)
		if err != nil {
			return err
		}
		fits, err := p.fits(text, key)
		if err != nil {
			return err
		}
		if fits {
			return nil
		}
	}
	return refuse("Verification failed for %s", p.KeyID)
}

// fits verifies the signature by the key's own method; an alg parameter may only agree.
func (p Parsed) fits(text string, key crypto.PublicKey) (bool, error) {
	wants := func(name string) error {
		if p.algorithm != "" && p.algorithm != name {
			return refuse("The signature's alg does not fit the type of the key")
		}
		return nil
	}
	switch public := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(public, []byte(text), p.signature), wants("ed25519")
	case *rsa.PublicKey:
		sum := sha256.Sum256([]byte(text))
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], p.signature) == nil, wants("rsa-v1_5-sha256")
	}
	return false, refuse("The signature does not fit the type of the key")
}

// schemes are those that the signer may have seen. Behind a proxy that ends TLS the request does not say; then both are tried, the likelier first.
func schemes(r *http.Request) []string {
	switch {
	case r.URL.Scheme != "":
		return []string{r.URL.Scheme}
	case r.TLS != nil:
		return []string{"https"}
	}
	return []string{"https", "http"}
}

// checkContentDigest compares the Content-Digest header (RFC 9530) with the body that was received.
func checkContentDigest(r *http.Request, body []byte) error {
	value, err := single(r, "Content-Digest")
	if err != nil {
		return err
	}
	given := ""
	for entry := range strings.SplitSeq(value, ",") {
		name, v, _ := strings.Cut(strings.TrimSpace(entry), "=")
		if name != "sha-256" {
			continue
		}
		if given != "" {
			return refuse("The Content-Digest header has two SHA-256 values")
		}
		given = v
	}
	if given == "" {
		return refuse("Only SHA-256 is supported in the Content-Digest header")
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(":"+sha256Base64(body)+":")) != 1 {
		return refuse("The Content-Digest header does not fit the body")
	}
	return nil
}

// rfc9421Text is the signature base of section 2.5.
func (p Parsed) rfc9421Text(r *http.Request, body []byte, scheme string) (string, error) {
	var b strings.Builder
	for _, name := range p.components {
		value, err := component(r, body, name, scheme)
		if err != nil {
			return "", err
		}
		b.WriteString(strconv.Quote(name) + ": " + value + "\n")
	}
	b.WriteString(`"@signature-params": ` + p.params)
	return b.String(), nil
}

func component(r *http.Request, body []byte, name, scheme string) (string, error) {
	target := requestTarget(r)
	path, query, _ := strings.Cut(target, "?")
	authority := strings.ToLower(host(r))
	if scheme == "https" {
		authority = strings.TrimSuffix(authority, ":443")
	} else {
		authority = strings.TrimSuffix(authority, ":80")
	}
	switch name {
	case "@method":
		return r.Method, nil
	case "@target-uri":
		return scheme + "://" + authority + target, nil
	case "@authority":
		return authority, nil
	case "@scheme":
		return scheme, nil
	case "@request-target":
		return target, nil
	case "@path":
		return path, nil
	case "@query":
		return "?" + query, nil
	}
	return headerValue(r, name, body)
}
