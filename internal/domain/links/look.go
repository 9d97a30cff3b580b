package links

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/picture"
	"github.com/gomph/gomph/internal/kit/preview"
)

const (
	// maxPage is how much of a page is read, in bytes (Mastodon); what follows is left out. maxOEmbed is what the other
	// answer may have.
	maxPage   = 1 << 20
	maxOEmbed = 256 << 10
	// patience is how long a site has for each answer.
	patience = 10 * time.Second
	// maxCreator is how long the handle of an author may be.
	maxCreator = 200
)

// look asks for a page. No card and no error says that it has none; keep says how long that, or the card, holds.
func (s *Service) look(ctx context.Context, address string) (c *Card, keep time.Duration, err error) {
	rules, err := s.Instances.AllRules(ctx, s.DB)
	if err != nil {
		return nil, 0, err
	}
	outcome := "none"
	defer func() { s.looked.Inc(outcome) }()
	if rules.Of(weburl.Host(address)).Severity == instances.Suspend {
		outcome = "blocked"
		return nil, noneFor, nil
	}
	page, err := s.page(ctx, s.secure(address))
	if err != nil {
		outcome = string(fetch.KindOf(err))
		if keep = noneFor; fetch.IsTemporary(err) {
			keep = failedFor
		}
		return nil, keep, given(ctx, err)
	}
	if page == nil || rules.Of(weburl.Host(page.URL)).Severity == instances.Suspend {
		return nil, noneFor, nil
	}
	if s.Site.IsLocalURI(page.Player) {
		page.Kind, page.HTML, page.Player = preview.Link, "", ""
	}
	if page.Empty() {
		return nil, noneFor, nil
	}
	outcome = "found"
	c = &Card{Page: *page}
	if c.Image = s.secure(c.Image); rules.Of(weburl.Host(c.Image)).RejectMedia {
		c.Image = ""
	}
	if err := given(ctx, s.measure(ctx, c)); err != nil {
		return nil, 0, err
	}
	return c, goodFor, s.credit(ctx, c)
}

// given is an error only if it was ours: the job ended, and will run again.
func given(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// secure is an address by https, where this server has that itself: nothing else is asked then, nor shown on its pages.
func (s *Service) secure(address string) string {
	u, err := weburl.Parse(address)
	if err != nil || u.Scheme == "https" || u.Port() != "" || !s.Site.HTTPS {
		return address
	}
	u.Scheme = "https"
	return u.String()
}

// page reads a page, and what its oEmbed says.
func (s *Service) page(ctx context.Context, address string) (*preview.Page, error) {
	page, err := s.read(ctx, address)
	if err == nil && page != nil && page.OEmbed != "" {
		if more, err := s.oembed(ctx, page); err == nil {
			page.AddOEmbed(more.Body, more.URL)
		}
	}
	return page, err
}

func (s *Service) oembed(ctx context.Context, page *preview.Page) (*fetch.Response, error) {
	return s.Fetch.Do(ctx, fetch.Request{URL: page.OEmbed, MaxBody: maxOEmbed, Timeout: patience, Header: http.Header{"Accept": {"application/json"}}})
}

// read reads a page; nil for something else.
func (s *Service) read(ctx context.Context, address string) (*preview.Page, error) {
	res, err := s.Fetch.Do(ctx, fetch.Request{URL: address, MaxBody: maxPage, Cut: true, Timeout: patience, Header: http.Header{"Accept": {"text/html, application/xhtml+xml;q=0.9"}}})
	if err != nil {
		return nil, err
	}
	if !isPage(res) {
		return nil, nil
	}
	return preview.Parse(res.Body, res.Header.Get("Content-Type"), res.URL), nil
}

func isPage(res *fetch.Response) bool {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
}

// Embed asks another site how it wants a page of it to be shown. It takes as long as a network does; errs.NotFound says that the site does
// not say, or cannot be asked.
func (s *Service) Embed(ctx context.Context, address string) (preview.Embed, error) {
	rules, err := s.Instances.AllRules(ctx, s.DB)
	if err != nil {
		return preview.Embed{}, err
	}
	if rules.Of(weburl.Host(address)).Severity == instances.Suspend || s.Site.IsLocalURI(address) {
		return preview.Embed{}, errs.NotFound()
	}
	page, err := s.read(ctx, s.secure(address))
	if err != nil || page == nil || page.OEmbed == "" {
		return preview.Embed{}, errs.NotFound()
	}
	res, err := s.oembed(ctx, page)
	if err != nil {
		return preview.Embed{}, errs.NotFound()
	}
	if e, ok := preview.ParseEmbed(res.Body, res.URL); ok {
		return e, nil
	}
	return preview.Embed{}, errs.NotFound()
}

// measure fetches the picture of a preview, for its size and colours and to be shown. What is no picture is left out.
func (s *Service) measure(ctx context.Context, c *Card) error {
	if c.Image == "" {
		return nil
	}
	kept, err := s.Media.Keep(ctx, s.Media.Addresses.Ref(media.Cards, c.Image))
	switch {
	case errors.Is(err, media.ErrNoPicture):
		c.Image, c.ImageDescription = "", ""
	case errors.Is(err, fetch.ErrTooLarge), errors.Is(err, picture.ErrTooLarge), fetch.IsTemporary(err):
		return err // it may well be one
	case err != nil:
		c.Image = ""
	default:
		c.Blurhash = kept.Meta.Blurhash
		if size := kept.Meta.Original; c.Kind != preview.Video && size != nil {
			c.Width, c.Height = size.Width, size.Height
		}
	}
	return err
}

// credit names the author of a page, if the page says who it is: for certain if that account names the page's domain.
func (s *Service) credit(ctx context.Context, c *Card) error {
	name, domain, _ := strings.Cut(strings.TrimPrefix(c.Creator, "@"), "@")
	if name == "" || len(c.Creator) > maxCreator || s.Resolver == nil {
		return nil
	}
	if s.Site.IsLocalDomain(strings.ToLower(domain)) {
		domain = ""
	}
	found, err := s.Resolver.Resolve(ctx, []accounts.Handle{{Username: name, Domain: domain}})
	if err != nil || len(found) == 0 || found[0].Suspended() {
		return err
	}
	if attributed(found[0], weburl.Host(c.URL)) {
		c.AuthorID = found[0].ID
	} else {
		c.UnverifiedID = found[0].ID
	}
	return nil
}
