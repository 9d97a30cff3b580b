// Package errs owns the kinds of failure: what went wrong in words a person may read, free of any protocol.
package errs

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is. The doors map kinds to their own codes, once.
type Kind int

const (
	// Internal is everything without a kind: logged, never shown.
	Internal Kind = iota
	// NotFoundKind means that the thing does not exist, or not for whoever asks.
	NotFoundKind
	// GoneKind means that the thing existed and is no more.
	GoneKind
	// InvalidKind means that the input is understood and refused.
	InvalidKind
	// MalformedKind means that the input cannot be read, or a required part is missing.
	MalformedKind
	// UnauthorizedKind means that nobody, or nobody valid, is asking.
	UnauthorizedKind
	// ForbiddenKind means that the one who asks may not.
	ForbiddenKind
	// ConflictKind means that the state of things forbids it now.
	ConflictKind
	// TooManyKind means that a limit of frequency is reached.
	TooManyKind
	// TooLargeKind means that the input is over a limit of size.
	TooLargeKind
	// UnavailableKind means that something else (another server, a full queue) does not answer now.
	UnavailableKind
)

// Error is a failure that a person may see.
type Error struct {
	Kind    Kind
	Message string
	// Details names the attributes at fault, in Mastodon's `details` shape: attribute to list of causes.
	Details map[string][]Detail
	cause   error
}

// Detail is one cause for one attribute. Code is one of Mastodon's ERR_* names.
type Detail struct {
	Code        string
	Description string
}

// Error is the message with its cause; show Message to people instead.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// New makes an error of a kind. The message is shown to people.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives an error a kind and a message for people, and keeps the cause for the log.
func Wrap(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), cause: cause}
}

// NotFound is the answer for a thing that is not there; the message is Mastodon's.
func NotFound() *Error { return New(NotFoundKind, "Record not found") }

// Invalid refuses input that was understood.
func Invalid(format string, args ...any) *Error { return New(InvalidKind, format, args...) }

// Forbidden refuses an act; the message is Mastodon's.
func Forbidden() *Error { return New(ForbiddenKind, "This action is not allowed") }

// KindOf finds the kind of an error, through wrapping; Internal when it has none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// IsNotFound reports whether err means that something is not, or no longer, there.
func IsNotFound(err error) bool {
	k := KindOf(err)
	return k == NotFoundKind || k == GoneKind
}
