package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The refusals. All are permanent: asking again changes nothing. Messages say the same for every address, so that they tell nobody what listens where.
var (
	// ErrURL means that the address cannot be read or is of a kind that is never asked (scheme, port, user name).
	ErrURL = errors.New("address refused")
	// ErrPrivate means that the name leads to a private or special address.
	ErrPrivate = errors.New("private address refused")
	// ErrTooLarge means that the answer is longer than the limit, after decompression.
	ErrTooLarge = errors.New("answer too large")
	// ErrRedirect means too many hops, a loop, or a hop to another scheme.
	ErrRedirect = errors.New("redirect refused")
	// ErrHeader means that the request's method or headers are not valid HTTP.
	ErrHeader = errors.New("invalid request header")
	// ErrEncoding means that the answer is compressed in a way that was not asked for.
	ErrEncoding = errors.New("unknown content encoding")
)

// ErrResting means that the host was not asked, since it did not answer others a moment ago. It is temporary.
var ErrResting = errors.New("host does not answer at present")

// errLookup marks that a name could not be resolved.
var errLookup = errors.New("resolving")

// maxRetryAfter bounds what another server may ask for; longer is no use to a delivery that gives up after days.
const maxRetryAfter = 24 * time.Hour

// StatusError is an answer other than 2xx.
type StatusError struct {
	Code int
	// RetryAfter is what the server asked for, 0 when it asked for nothing, at most a day.
	RetryAfter time.Duration
}

// Error names the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("answered %d %s", e.Code, http.StatusText(e.Code))
}

// IsTemporary reports whether the same request may succeed later. The statuses are those that Mastodon retries: all of 5xx but 501, and of 4xx
// 401 (the other side may have failed to fetch our key), 408 and 429.
func IsTemporary(err error) bool {
	if err == nil {
		return false
	}
	for _, permanent := range []error{ErrURL, ErrPrivate, ErrTooLarge, ErrRedirect, ErrHeader, ErrEncoding} {
		if errors.Is(err, permanent) {
			return false
		}
	}
	var status *StatusError
	if !errors.As(err, &status) {
		return true
	}
	switch status.Code {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented:
		return false
	}
	return status.Code >= 500
}

// IsTimeout reports whether the other server was too slow.
func IsTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// StatusOf is the status of an answer that became an error, else 0.
func StatusOf(err error) int {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code
	}
	return 0
}

// RetryAfter is how long the other server asked to wait, 0 when it did not.
func RetryAfter(err error) time.Duration {
	var status *StatusError
	if errors.As(err, &status) {
		return status.RetryAfter
	}
	return 0
}

func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
