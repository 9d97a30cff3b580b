package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"syscall"
)

// Kind is in a word why a request failed: few values, for metrics, and for the operator who asks what is wrong with a host.
type Kind string

// The kinds.
const (
	KindTimeout Kind = "timeout"
	KindDNS     Kind = "dns"
	KindRefused Kind = "refused"
	KindTLS     Kind = "tls"
	// KindNetwork is a connection that broke, and whatever else goes wrong below HTTP.
	KindNetwork Kind = "network"
	// KindResting says that the host was not asked: it did not answer others just now.
	KindResting Kind = "resting"
	// KindLimited is 429, KindDenied 401 and 403, KindGone 404 and 410; KindClient is any other 4xx.
	KindLimited Kind = "limited"
	KindDenied  Kind = "denied"
	KindGone    Kind = "gone"
	KindClient  Kind = "status_4xx"
	// KindGateway is 502 to 504: a server stands before one that does not work. KindServer is any other 5xx, KindStatus what is left.
	KindGateway Kind = "gateway"
	KindServer  Kind = "status_5xx"
	KindStatus  Kind = "status"
	// KindAddress is an address that is never asked, KindAnswer an answer that is never read to its end.
	KindAddress Kind = "address"
	KindAnswer  Kind = "answer"
)

// Down reports whether failures of a kind say that the host as a whole does not work, whatever was asked.
func (k Kind) Down() bool {
	switch k {
	case KindTimeout, KindDNS, KindRefused, KindTLS, KindNetwork, KindGateway:
		return true
	}
	return false
}

// KindOf names the failure of Do; "" for none.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if status := StatusOf(err); status != 0 {
		return kindOfStatus(status)
	}
	for kind, causes := range map[Kind][]error{
		KindAddress: {ErrURL, ErrPrivate, ErrHeader}, KindAnswer: {ErrTooLarge, ErrRedirect, ErrEncoding}, KindResting: {ErrResting},
	} {
		for _, cause := range causes {
			if errors.Is(err, cause) {
				return kind
			}
		}
	}
	return kindOfConnection(err)
}

func kindOfStatus(status int) Kind {
	switch status {
	case http.StatusTooManyRequests:
		return KindLimited
	case http.StatusUnauthorized, http.StatusForbidden:
		return KindDenied
	case http.StatusNotFound, http.StatusGone:
		return KindGone
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return KindGateway
	}
	switch status / 100 {
	case 4:
		return KindClient
	case 5:
		return KindServer
	}
	return KindStatus
}

func kindOfConnection(err error) Kind {
	var dns *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &dns), errors.Is(err, errLookup):
		return KindDNS
	case errors.As(err, &untrusted), errors.As(err, &record), errors.As(err, &alert), errors.As(err, &authority), errors.As(err, &name):
		return KindTLS
	case IsTimeout(err):
		return KindTimeout
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return KindRefused
	}
	return KindNetwork
}
