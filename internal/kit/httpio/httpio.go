// Package httpio owns how requests are read and answers are written: parameters in any of their forms, JSON, paging links,
// and errors as status codes.
package httpio

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"

	"github.com/gomph/gomph/internal/kit/errs"
)

// Handler answers a request, or fails; a failure is written once, by Serve.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Status is the code of a failure, Mastodon's for its kind.
func Status(err error) int {
	switch errs.KindOf(err) {
	case errs.NotFoundKind:
		return http.StatusNotFound
	case errs.GoneKind:
		return http.StatusGone
	case errs.InvalidKind, errs.ConflictKind:
		return http.StatusUnprocessableEntity
	case errs.MalformedKind:
		return http.StatusBadRequest
	case errs.UnauthorizedKind:
		return http.StatusUnauthorized
	case errs.ForbiddenKind:
		return http.StatusForbidden
	case errs.TooManyKind:
		return http.StatusTooManyRequests
	case errs.TooLargeKind:
		return http.StatusRequestEntityTooLarge
	case errs.UnavailableKind:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// ErrorBody is a failure as the API shows it.
type ErrorBody struct {
	Error   string                   `json:"error"`
	Details map[string][]ErrorDetail `json:"details,omitempty"`
}

// ErrorDetail is one cause for one attribute.
type ErrorDetail struct {
	Error       string `json:"error"`
	Description string `json:"description"`
}

// Body is what is shown of a failure: nothing of an internal one (WEB-05).
func Body(err error) ErrorBody {
	var e *errs.Error
	if !errors.As(err, &e) {
		return ErrorBody{Error: "We're sorry, but something went wrong on our end."}
	}
	b := ErrorBody{Error: e.Message}
	for attr, list := range e.Details {
		if b.Details == nil {
			b.Details = map[string][]ErrorDetail{}
		}
		for _, d := range list {
			b.Details[attr] = append(b.Details[attr], ErrorDetail{d.Code, d.Description})
		}
	}
	return b
}

// Fail writes a failure in the API's shape, and logs it when it is not the asker's fault.
func Fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	status := Status(err)
	if r.Context().Err() != nil && status == http.StatusInternalServerError {
		return // whoever asked is gone
	}
	if status == http.StatusInternalServerError {
		log.Error("request failed", "method", r.Method, "path", r.URL.Path, "request_id", w.Header().Get("X-Request-Id"), "error", err)
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="Doorkeeper", error="invalid_token"`)
	}
	w.Header().Set("Cache-Control", "private, no-store")
	_ = JSON(w, status, Body(err))
}

// Serve makes an http.Handler of a Handler.
func Serve(log *slog.Logger, h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			Fail(w, r, log, err)
		}
	})
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooled keeps a rare large answer from staying in memory.
const maxPooled = 1 << 20

// Buffered lends f an empty buffer, and keeps the one that f gives back for others: nobody may hold on to it.
func Buffered(f func(buffer []byte) ([]byte, error)) error {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	used, err := f(b.AvailableBuffer())
	if cap(used) <= maxPooled {
		if cap(used) > b.Cap() {
			b = bytes.NewBuffer(used)
		}
		buffers.Put(b)
	}
	return err
}

// Encode is JSON as the API writes it: without HTML escapes.
func Encode(v any, use func([]byte) error) error {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	defer func() {
		if b.Cap() <= maxPooled {
			buffers.Put(b)
		}
	}()
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return use(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// JSON writes an answer.
func JSON(w http.ResponseWriter, status int, v any) error {
	return Encode(v, func(b []byte) error {
		h := w.Header()
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "application/json; charset=utf-8")
		}
		h.Set("Content-Length", strconv.Itoa(len(b)))
		w.WriteHeader(status)
		_, err := w.Write(b)
		return ignoreGone(err)
	})
}

// ignoreGone: a reader who went away is no failure.
func ignoreGone(error) error { return nil }
