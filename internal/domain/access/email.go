package access

import (
	"strings"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// Lengths of an address (RFC 5321), in bytes.
const (
	maxEmail = 254
	maxLocal = 64
)

// email is an address in the one form in which it is kept and compared.
type email struct{ address, folded string }

// atext are the characters of an unquoted local part (RFC 5322) without "%", by which relays were once addressed (SES-09).
const atext = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&'*+-/=?^_`{|}~."

// parseEmail reads one plain address. Quoted local parts, comments, lists, routes and address literals are refused: nobody
// needs them, and each has been used to mail somebody else (SES-09).
func parseEmail(s string) (email, error) {
	bad := errs.Invalid("E-mail address is invalid")
	s = strings.TrimSpace(s)
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > maxEmail || local == "" || len(local) > maxLocal || strings.ContainsAny(domain, "@:[]_") {
		return email{}, bad
	}
	if strings.Trim(local, atext) != "" || local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return email{}, bad
	}
	for i := 0; i < len(local); i++ {
		if strings.IndexByte(atext, local[i]) < 0 {
			return email{}, bad
		}
	}
	host, err := text.NormalizeDomain(domain)
	if err != nil || strings.TrimSpace(domain) != domain || strings.HasSuffix(domain, ".") {
		return email{}, bad
	}
	// A name without a dot is a machine in the house; only this one is known.
	if !strings.Contains(host, ".") && host != "localhost" {
		return email{}, bad
	}
	if top := host[strings.LastIndexByte(host, '.')+1:]; strings.Trim(top, "0123456789") == "" {
		return email{}, bad
	}
	address := local + "@" + host
	if len(address) > maxEmail {
		return email{}, bad
	}
	return email{address, strings.ToLower(address)}, nil
}
