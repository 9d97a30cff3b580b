package media

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
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
	if err := s.mayPass(ctx, ref); err != nil {
		return err
	}
	r := passing(ref)
	p := &passer{begin: begin, known: func(mime string) { s.passed.put(ref.key, mime) }}
	if part != "" {
		r.Header.Set("Range", part)
		if !strings.HasPrefix(part, "bytes=0-") {
			if p.mime = s.passed.get(ref.key); p.mime == "" {
				about, err := s.peek(ctx, ref)
				if err != nil {
					return err
				}
				p.mime = about.Type
			}
		}
	}
	r.Sink, r.Begin = p, p.hear
	_, err := s.Fetch.Do(ctx, r)
	if err == nil {
		err = p.flush()
	}
	if err != nil && p.to == nil {
		return notPassed(err)
	}
	return err
}

// headless are the answers of servers that do not take HEAD, or whose addresses are signed for GET alone.
var headless = []int{http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented}

// Head says what Pass tells of a whole file. The other server is asked with HEAD; what the file is, its bytes say and not that server (MED-05), so
// that its first bytes, and no more, are asked for while that is not known. Errors are errs.NotFound.
func (s *Service) Head(ctx context.Context, ref Ref) (Passing, error) {
	if err := s.mayPass(ctx, ref); err != nil {
		return Passing{}, err
	}
	r := passing(ref)
	if mime := s.passed.get(ref.key); mime != "" {
		r.Method = http.MethodHead
		res, err := s.Fetch.Do(ctx, r)
		switch {
		case err == nil && res.Status == http.StatusOK:
			return Passing{Status: http.StatusOK, Type: mime, Length: res.Header.Get("Content-Length")}, nil
		case !slices.Contains(headless, fetch.StatusOf(err)):
			return Passing{}, notPassed(cmp.Or(err, picture.ErrFormat))
		}
	}
	about, err := s.peek(ctx, ref)
	if err != nil {
		return Passing{}, err
	}
	if n, err := strconv.ParseInt(about.Length, 10, 64); err == nil && n > r.MaxBody {
		return Passing{}, notPassed(fetch.ErrTooLarge)
	}
	return about, nil
}

// peek reads the first bytes of a file, whatever more the other server sends, and remembers what it is.
func (s *Service) peek(ctx context.Context, ref Ref) (Passing, error) {
	r := passing(ref)
	r.MaxBody, r.Cut = clip.SniffLength, true
	r.Header.Set("Range", fmt.Sprintf("bytes=0-%d", clip.SniffLength-1))
	res, err := s.Fetch.Do(ctx, r)
	if err != nil {
		return Passing{}, notPassed(err)
	}
	about := Passing{Status: http.StatusOK, Type: typeOf(res.Body), Length: res.Header.Get("Content-Length")}
	if res.Status == http.StatusPartialContent {
		_, about.Length, _ = strings.Cut(res.Header.Get("Content-Range"), "/")
	}
	if _, err := strconv.ParseUint(about.Length, 10, 63); err != nil {
		about.Length = "" // it is not known: "*", or the other server sends until it is done
	}
	if about.Type == "" {
		return Passing{}, notPassed(picture.ErrFormat)
	}
	s.passed.put(ref.key, about.Type)
	return about, nil
}

// mayPass refuses files of unknown kinds, and those of servers whose files are not shown.
func (s *Service) mayPass(ctx context.Context, ref Ref) error {
	if !known(ref.Kind) || s.Fetch == nil {
		return errs.NotFound()
	}
	if refused, err := s.refused(ctx, ref.URL); err != nil || refused {
		return errors.Join(errs.NotFound(), err)
	}
	return nil
}

// passing asks for a file.
func passing(ref Ref) fetch.Request {
	return fetch.Request{URL: ref.URL, MaxBody: wishes[ref.Kind].most, Timeout: fetchTime, Redirects: 5, Header: http.Header{"Accept": {accepted}}}
}

// notPassed is what whoever asks is told when nothing was shown.
func notPassed(err error) error {
	return errs.Wrap(errs.NotFoundKind, err, "The page you are looking for isn't here.")
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
