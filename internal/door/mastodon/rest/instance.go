package rest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/picture"
)

const (
	// mastodonVersion is whose API this is, and apiVersion its number; clients choose what they show by both.
	mastodonVersion = "4.6.5"
	apiVersion      = 11
	sourceURL       = "https://github.com/gomph/gomph"
	// urlCharacters is what a link counts for in a post.
	urlCharacters = 23
	// activeMonth is who counts as active.
	activeMonth = 28 * 24 * time.Hour
)

func itoa[T ~int | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }

// apiVersionText is "4.6.5 (compatible; Gomph 1.2.3)".
func (a *API) apiVersionText() string {
	return mastodonVersion + " (compatible; Gomph " + cmp.Or(a.Version, "dev") + ")"
}

func (a *API) instance(w http.ResponseWriter, r *api.Request) error {
	i, err := a.Settings.Get(r.Context(), a.DB)
	if err != nil {
		return err
	}
	active, err := a.Access.Active(r.Context(), a.DB, db.Ms(a.Clock.Now().Add(-activeMonth)))
	if err != nil {
		return err
	}
	rules, err := a.ruleList(r)
	if err != nil {
		return err
	}
	contact, err := a.contact(r, i)
	if err != nil {
		return err
	}
	campaign, err := a.Annual.Campaign(r.Context(), a.DB)
	if err != nil {
		return err
	}
	configuration := a.configuration(i)
	if _, err := a.Settings.CurrentTerms(r.Context(), a.DB); err == nil {
		configuration.URLs.TermsOfService = new(a.Site.URL("/terms-of-service"))
	} else if !errs.IsNotFound(err) {
		return err
	}
	out := entity.Instance{Domain: a.Site.LocalDomain, Title: i.Title, Version: a.apiVersionText(), SourceURL: sourceURL, Description: i.Description,
		Thumbnail: a.thumbnail(i), Icon: []entity.Icon{{Src: a.Site.URL(entity.MissingAvatar), Size: "400x400"}},
		Languages: []string{"en"}, Configuration: configuration, APIVersions: map[string]int{"mastodon": apiVersion},
		Contact: entity.Contact{Email: i.ContactEmail, Account: contact}, Rules: rules, Registrations: registrations(i)}
	out.Usage.Users.ActiveMonth = active
	if campaign != 0 {
		out.Wrapstodon = &campaign
	}
	return ok(w, out)
}

// thumbnail is what stands for the server.
func (a *API) thumbnail(i settings.Instance) entity.Thumbnail {
	if i.Thumbnail == "" {
		return entity.Thumbnail{URL: a.Site.URL(entity.MissingHeader)}
	}
	at := a.Media.Addresses
	small := at.File(i.Thumbnail)
	return entity.Thumbnail{URL: small, Description: i.ThumbnailDescription, Blurhash: i.ThumbnailBlurhash, Versions: map[string]string{"@1x": small, "@2x": at.File(i.ThumbnailLarge)}}
}

func registrations(i settings.Instance) entity.Registrations {
	out := entity.Registrations{Enabled: i.Open(), ApprovalRequired: i.Approval(), ReasonRequired: new(i.Approval() && i.RequireReason)}
	if !i.Open() && i.ClosedRegistrationsMessage != "" {
		out.Message = &i.ClosedRegistrationsMessage
	}
	if i.MinAge > 0 {
		out.MinAge = &i.MinAge
	}
	return out
}

// contact is the account of whoever runs the server, null when there is none.
func (a *API) contact(r *api.Request, i settings.Instance) (*entity.Account, error) {
	if i.ContactUsername == "" {
		return nil, nil
	}
	acct, err := a.Accounts.ByAcct(r.Context(), a.DB, i.ContactUsername, "")
	if errs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return a.Render.Account(r.Context(), a.DB, acct)
}

func (a *API) configuration(i settings.Instance) entity.Configuration {
	everybody := entity.FeedAccess{Local: "public", Remote: "public"}
	c := entity.Configuration{
		Accounts: entity.AccountLimits{MaxDisplayNameLength: accounts.MaxDisplayName, MaxNoteLength: accounts.MaxNote, MaxAvatarDescriptionLength: accounts.MaxImageDescription,
			MaxHeaderDescriptionLength: accounts.MaxImageDescription, MaxPinnedStatuses: statuses.MaxPins, MaxProfileFields: accounts.MaxFields,
			ProfileFieldNameLimit: accounts.MaxFieldText, ProfileFieldValueLimit: accounts.MaxFieldText},
		Statuses: statusLimits(), MediaAttachments: a.mediaLimits(), Polls: pollLimits(),
		TimelinesAccess: entity.TimelinesAccess{LiveFeeds: everybody, HashtagFeeds: everybody, TrendingLinkFeeds: everybody},
	}
	c.Vapid.PublicKey, c.Translation.Enabled = a.VAPIDKey, a.Translator != nil
	c.MediaAttachments.DescriptionLimit = media.MaxDescription
	c.URLs.Streaming, c.URLs.About = a.Site.Streaming(), a.Site.URL("/about")
	if i.StatusPageURL != "" {
		c.URLs.Status = &i.StatusPageURL
	}
	if i.PrivacyPolicy != "" {
		c.URLs.PrivacyPolicy = new(a.Site.URL("/privacy-policy"))
	}
	return c
}

func statusLimits() entity.StatusLimits {
	return entity.StatusLimits{MaxCharacters: statuses.MaxCharacters, MaxMediaAttachments: media.MaxAttachments, CharactersReservedPerURL: urlCharacters}
}

// mediaLimits tell what is taken; without ffmpeg that is pictures alone, so that the limits of videos are zero.
func (a *API) mediaLimits() entity.MediaLimits {
	out := entity.MediaLimits{SupportedMimeTypes: a.Media.Types(), ImageSizeLimit: media.MaxImage, ImageMatrixLimit: picture.MaxPixels}
	if len(out.SupportedMimeTypes) > len(picture.Formats) {
		out.VideoSizeLimit, out.VideoFrameRateLimit, out.VideoMatrixLimit = media.MaxVideo, clip.MaxFrameRate, clip.MaxVideoPixels
	}
	return out
}

func pollLimits() entity.PollLimits {
	return entity.PollLimits{MaxOptions: statuses.MaxPollOptions, MaxCharactersPerOption: statuses.MaxPollOption,
		MinExpiration: int(statuses.MinPollTime.Seconds()), MaxExpiration: int(statuses.MaxPollTime.Seconds())}
}

func (a *API) v1Instance(w http.ResponseWriter, r *api.Request) error {
	i, err := a.Settings.Get(r.Context(), a.DB)
	if err != nil {
		return err
	}
	out := entity.V1Instance{URI: a.Site.LocalDomain, Title: i.Title, ShortDescription: i.Description, Description: i.Description, Email: i.ContactEmail,
		Version: a.apiVersionText(), Thumbnail: new(a.thumbnail(i).URL), Languages: []string{"en"}, Registrations: i.Open(), ApprovalRequired: i.Approval(), InvitesEnabled: true}
	out.Configuration.Statuses, out.Configuration.MediaAttachments, out.Configuration.Polls = statusLimits(), a.mediaLimits(), pollLimits()
	out.URLs.StreamingAPI = a.Site.Streaming()
	if out.Stats.UserCount, err = a.Accounts.LocalCount(r.Context(), a.DB); err != nil {
		return err
	}
	if out.Stats.StatusCount, err = a.Statuses.LocalCount(r.Context(), a.DB); err != nil {
		return err
	}
	if out.Stats.DomainCount, err = a.Instances.Count(r.Context(), a.DB); err != nil {
		return err
	}
	if out.Rules, err = a.ruleList(r); err != nil {
		return err
	}
	if out.ContactAccount, err = a.contact(r, i); err != nil {
		return err
	}
	return ok(w, out)
}

func (a *API) ruleList(r *api.Request) ([]entity.Rule, error) {
	list, err := a.Settings.Rules(r.Context(), a.DB)
	if err != nil {
		return nil, err
	}
	out := make([]entity.Rule, 0, len(list))
	for _, x := range list {
		rule := entity.Rule{ID: ids.Format(x.ID), Text: x.Text, Hint: x.Hint, Translations: map[string]entity.RuleTranslation{}}
		for language, t := range x.Translations {
			rule.Translations[language] = entity.RuleTranslation{Text: t.Text, Hint: t.Hint}
		}
		out = append(out, rule)
	}
	return out, nil
}

func (a *API) rules(w http.ResponseWriter, r *api.Request) error {
	out, err := a.ruleList(r)
	if err != nil {
		return err
	}
	return ok(w, out)
}

func (a *API) peers(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Instances.Domains(r.Context(), a.DB)
	if err != nil {
		return err
	}
	return ok(w, append([]string{}, list...))
}

func (a *API) extendedDescription(w http.ResponseWriter, r *api.Request) error {
	i, err := a.Settings.Get(r.Context(), a.DB)
	if err != nil {
		return err
	}
	out := entity.ExtendedDescription{Content: i.ExtendedDescription}
	if i.ExtendedDescription != "" && !i.UpdatedAt.IsZero() {
		out.UpdatedAt = new(entity.Stamp(i.UpdatedAt))
	}
	return ok(w, out)
}

func (a *API) privacyPolicy(w http.ResponseWriter, r *api.Request) error {
	i, err := a.Settings.Get(r.Context(), a.DB)
	if err != nil {
		return err
	}
	if i.PrivacyPolicy == "" {
		return errs.NotFound()
	}
	return ok(w, entity.PrivacyPolicy{UpdatedAt: entity.Stamp(i.UpdatedAt), Content: i.PrivacyPolicy})
}

// domainBlocksHere lists the servers that this one limits. Those whose name is to be hidden show half of it.
func (a *API) domainBlocksHere(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Instances.Blocks(r.Context(), a.DB)
	if err != nil {
		return err
	}
	out := []entity.DomainBlock{}
	for _, b := range list {
		if b.Severity == instances.Noop {
			continue
		}
		sum := sha256.Sum256([]byte(b.Domain))
		e := entity.DomainBlock{Domain: b.Domain, Digest: hex.EncodeToString(sum[:]), Severity: b.Severity}
		if b.Obfuscate {
			e.Domain = obfuscate(b.Domain)
		}
		if b.PublicComment != "" {
			e.Comment = &b.PublicComment
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(x, y entity.DomainBlock) int { return cmp.Compare(y.Severity, x.Severity) })
	return ok(w, out)
}

// obfuscate hides the middle half of a domain's letters; its dots stay.
func obfuscate(domain string) string {
	from, to := len(domain)/4, len(domain)-len(domain)/4
	var b strings.Builder
	for i, c := range domain {
		if i > from && i < to && c != '.' {
			c = '*'
		}
		b.WriteRune(c)
	}
	return b.String()
}
