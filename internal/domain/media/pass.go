package media

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/picture"
)

// Passing is what is known of a file of another server when the first of its bytes are here.
type Passing struct {
	// Status is 200, or 206 for a part.
	Status int
	Type   string
	// Length and Range are as the other server says, the headers Content-Length and Content-Range.
	Length, Range string
}

// maxSniffed bounds for how many files it is remembered what they are.
const maxSniffed = 4096

// sniffed remembers what passed files are, so that a part of one can be passed without its beginning.
type sniffed struct {
	mu    sync.Mutex
	types map[string]string
}

func (s *sniffed) get(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.types[key]
}

func (s *sniffed) put(key, mime string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.types == nil || len(s.types) >= maxSniffed {
		s.types = map[string]string{}
	}
	s.types[key] = mime
}

// typeOf says what may be passed; empty for anything else.
func typeOf(head []byte) string {
	if mime := picture.Format(head); mime != "" {
		return mime
	}
	_, mime := clip.Sniff(head)
	return mime
}

// Pass passes a file of another server on without keeping it, as it comes, when its first bytes are those of a type that may be shown
// (requirement F11, MED-05, MED-11). Part is the header Range of whoever asks, or empty; begin is told what comes and gives where it goes.
// Nothing but the address and the part is told to the other server. Errors before begin are errs.NotFound.
func (s *Service) Pass(ctx context.Context, ref Ref, part string, begin func(Passing) io.Writer) error {
	if !known(ref.Kind) || s.Fetch == nil {
		return errs.NotFound()
	}
	if refused, err := s.refused(ctx, ref.URL); err != nil || refused {
		return errors.Join(errs.NotFound(), err)
	}
	if part != "" && !strings.HasPrefix(part, "bytes=0-") && s.passed.get(ref.key) == "" {
		if err := s.pass(ctx, ref, "bytes=0-4095", func(Passing) io.Writer { return io.Discard }); err != nil {
			return err
		}
	}
	return s.pass(ctx, ref, part, begin)
}

func (s *Service) pass(ctx context.Context, ref Ref, part string, begin func(Passing) io.Writer) error {
	p := &passer{begin: begin, known: func(mime string) { s.passed.put(ref.key, mime) }}
	header := http.Header{"Accept": {accepted}}
	if part != "" {
		header.Set("Range", part)
		if !strings.HasPrefix(part, "bytes=0-") {
			p.mime = s.passed.get(ref.key)
		}
	}
	_, err := s.Fetch.Do(ctx, fetch.Request{URL: ref.URL, MaxBody: wishes[ref.Kind].most, Timeout: fetchTime, Redirects: 5, Header: header, Sink: p, Begin: p.hear})
	if err == nil {
		err = p.flush()
	}
	if err != nil && p.to == nil {
		return errs.Wrap(errs.NotFoundKind, err, "The page you are looking for isn't here.")
	}
	return err
}

// passer looks at the first bytes of what comes, and then lets it through.
type passer struct {
	begin func(Passing) io.Writer
	known func(mime string)
	mime  string // where it is known already
	about Passing
	head  []byte
	to    io.Writer
}

func (p *passer) hear(res *fetch.Response) error {
	if res.Status != http.StatusOK && res.Status != http.StatusPartialContent {
		return picture.ErrFormat
	}
	if res.Status == http.StatusOK {
		p.mime = "" // the whole came, whatever was asked for
	}
	p.about = Passing{Status: res.Status, Length: res.Header.Get("Content-Length"), Range: res.Header.Get("Content-Range")}
	return nil
}

// Write takes what comes.
func (p *passer) Write(b []byte) (int, error) {
	if p.to != nil {
		return p.to.Write(b)
	}
	p.head = append(p.head, b...)
	if len(p.head) < clip.SniffLength {
		return len(b), nil
	}
	return len(b), p.flush()
}

// flush lets the first bytes through, if they may be shown.
func (p *passer) flush() error {
	if p.to != nil {
		return nil
	}
	if p.mime == "" {
		if p.mime = typeOf(p.head); p.mime == "" {
			return picture.ErrFormat
		}
		p.known(p.mime)
	}
	p.about.Type = p.mime
	p.to = p.begin(p.about)
	_, err := p.to.Write(p.head)
	return err
}
