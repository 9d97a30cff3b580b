// Package weburl owns the one strict reading of an http or https address: whoever compares, stores or contacts a host reads it here.
//
// Two parsers that disagree about an address are how a request reaches another host than the one that was checked, so nothing ambiguous is
// repaired: user names, backslashes, control characters, IPv6 zones and numeric host names that are not plain IPv4 are refused.
package weburl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// MaxLen is the longest address that is read, in bytes. Real ids stay under 300; signed media links reach about 1,500.
const MaxLen = 2048

// maxHost is the longest host name (RFC 1035), and maxLabel the longest part of one.
const (
	maxHost  = 253
	maxLabel = 63
)

// ErrInvalid is the cause of every refusal here.
var ErrInvalid = errors.New("invalid address")

// Parse reads an absolute http or https address. The result has a lower-case ASCII host without trailing dot, and no default port.
func Parse(raw string) (*url.URL, error) {
	if raw == "" || len(raw) > MaxLen {
		return nil, fmt.Errorf("%w: length %d", ErrInvalid, len(raw))
	}
	if !utf8.ValidString(raw) || strings.IndexFunc(raw, forbidden) >= 0 {
		return nil, fmt.Errorf("%w: forbidden character", ErrInvalid)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: unreadable", ErrInvalid)
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%w: scheme is not http or https", ErrInvalid)
	}
	if u.User != nil || u.Opaque != "" {
		return nil, fmt.Errorf("%w: user name or opaque part", ErrInvalid)
	}
	if strings.Contains(u.Fragment, "#") {
		return nil, fmt.Errorf("%w: two fragments", ErrInvalid)
	}
	if strings.IndexFunc(u.Path, control) >= 0 {
		return nil, fmt.Errorf("%w: control character in path", ErrInvalid)
	}
	if u.Host, err = authority(u); err != nil {
		return nil, err
	}
	return u, nil
}

// Valid reports whether Parse accepts the address.
func Valid(raw string) bool {
	_, err := Parse(raw)
	return err == nil
}

// Origin is scheme, host and port of an address in their normal form, such as "https://example.com:8443"; empty when it is refused.
func Origin(raw string) string {
	u, err := Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Host is host and port (the port only when it is not the scheme's own) in normal form; empty when the address is refused.
func Host(raw string) string {
	u, err := Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// SameOrigin reports whether two addresses are both valid and have equal scheme, host and port.
func SameOrigin(a, b string) bool {
	o := Origin(a)
	return o != "" && o == Origin(b)
}

func forbidden(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' || (r >= 0x80 && r < 0xa0) }

func control(r rune) bool { return r < ' ' || r == 0x7f }

// authority is the normal form of host and port.
func authority(u *url.URL) (string, error) {
	host, err := hostname(u.Hostname(), strings.HasPrefix(u.Host, "["))
	if err != nil {
		return "", err
	}
	port := u.Port()
	if port == "" {
		return bracket(host), nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("%w: port", ErrInvalid)
	}
	if n == 443 && u.Scheme == "https" || n == 80 && u.Scheme == "http" {
		return bracket(host), nil
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

func bracket(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func hostname(host string, bracketed bool) (string, error) {
	if bracketed {
		ip, err := netip.ParseAddr(host)
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", fmt.Errorf("%w: IPv6 address", ErrInvalid)
		}
		return ip.String(), nil
	}
	if !utf8.ValidString(host) { // it may be once %80 is decoded
		return "", fmt.Errorf("%w: forbidden character", ErrInvalid)
	}
	host = strings.TrimSuffix(host, ".")
	if !ascii(host) || strings.Contains(strings.ToLower(host), "xn--") {
		puny, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", fmt.Errorf("%w: international host name", ErrInvalid)
		}
		host = puny
	}
	host = strings.ToLower(host)
	if host == "" || len(host) > maxHost {
		return "", fmt.Errorf("%w: host", ErrInvalid)
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !validLabel(label) {
			return "", fmt.Errorf("%w: host", ErrInvalid)
		}
	}
	// Resolvers read "127.1", "0x7f.1" and "2130706433" as IPv4; only the plain form is taken.
	if numeric(labels[len(labels)-1]) {
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is4() {
			return "", fmt.Errorf("%w: numeric host", ErrInvalid)
		}
	}
	return host, nil
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func validLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func numeric(label string) bool {
	_, err := strconv.ParseUint(label, 0, 64)
	return err == nil || strings.Trim(label, "0123456789") == "" || strings.HasPrefix(label, "0x")
}
