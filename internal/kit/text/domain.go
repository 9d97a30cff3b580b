package text

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/gomph/gomph/internal/kit/errs"
)

// NormalizeDomain gives the one form of a host name, perhaps with a port: ASCII, lower case, without a dot at the end.
func NormalizeDomain(s string) (string, error) {
	host := strings.TrimSpace(s)
	if len(host) > 4*maxDomain {
		return "", errs.Invalid("The domain is too long")
	}
	if strings.HasPrefix(host, "[") {
		return normalizeIPv6(host)
	}
	host, port, hasPort := strings.Cut(host, ":")
	if hasPort && !validPort(port) {
		return "", errs.Invalid("%q is not a valid domain", s)
	}
	host, err := asciiHost(strings.TrimSuffix(host, "."))
	if err != nil {
		return "", errs.Wrap(errs.InvalidKind, err, "%q is not a valid domain", s)
	}
	if !validASCIIHost(host) {
		return "", errs.Invalid("%q is not a valid domain", s)
	}
	if hasPort {
		return host + ":" + port, nil
	}
	return host, nil
}

func asciiHost(host string) (string, error) {
	for i := 0; i < len(host); i++ {
		if host[i] >= 0x80 {
			// Underscores are in use, so the letters are checked below, not here.
			return idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false)).ToASCII(host)
		}
	}
	return strings.ToLower(host), nil
}

func validASCIIHost(host string) bool {
	if host == "" || len(host) > maxDomain {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			if !isName(label[i]) && label[i] != '-' {
				return false
			}
		}
	}
	return true
}

func normalizeIPv6(s string) (string, error) {
	host, port, ok := strings.Cut(s[1:], "]")
	addr, err := netip.ParseAddr(host)
	if !ok || err != nil || !addr.Is6() || addr.Zone() != "" || port != "" && (port[0] != ':' || !validPort(port[1:])) {
		return "", errs.Invalid("%q is not a valid domain", s)
	}
	return "[" + addr.String() + "]" + port, nil
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0' && s[0] != '+'
}
