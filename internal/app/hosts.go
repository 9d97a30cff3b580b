package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/checkup"
	"github.com/gomph/gomph/internal/kit/config"
)

// hostsEvery is how long a process may not know of a change of the files' host. Both hosts have the files meanwhile.
const hostsEvery = 5 * time.Second

// followHosts heeds changes of the files' host that were made in another process. Without the database everything stays as it is.
func (a *App) followHosts(ctx context.Context) error {
	return every(ctx, hostsEvery, func() {
		if err := a.Media.FollowHosts(ctx); err != nil {
			a.Log.Debug("looking where files are shown from", "error", err)
		}
	})
}

// seeOrigins keeps from which hosts files are shown now, so that a change of them is known (requirement F16).
func (a *App) seeOrigins(ctx context.Context) error {
	return a.Media.SeeOrigins(ctx, media.OriginOf(a.Media.Addresses.Root()), append(a.Media.Addresses.Origins(), a.Site.Base()))
}

// ReadRoot reads how addresses of files are to begin: a host, with its folder if there is one, or an address.
func ReadRoot(c *config.Config, text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = scheme(c) + "://" + text
	}
	u, err := url.Parse(strings.TrimRight(text, "/"))
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "#?; '\",\\"):
		return "", fmt.Errorf("it must be a host like media.example or an address like https://cdn.example/files, not %q", text)
	case u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("files are shown by https, not by %s", u.Scheme)
	case c.HTTPS() && u.Scheme != "https":
		return "", errors.New("browsers do not show files by http on pages by https")
	}
	u.Host = strings.ToLower(u.Host)
	if own := siteOf(c).Base(); u.Path == "" && u.String() == own {
		return own + "/" + strings.Trim(fileFolder(c), "/"), nil
	}
	return u.String(), nil
}

// CheckRoot looks whether strangers get the files of this server below a root, and nothing that they must not.
func (a *App) CheckRoot(ctx context.Context, root string) error {
	results, err := a.probe(ctx, a.files, root, "")
	for _, r := range results {
		if r.Level == checkup.Failure || r.Level == checkup.Warning && r.ID == "F4" {
			err = errors.Join(err, fmt.Errorf("%s: %s", strings.ReplaceAll(r.Check, "_", " "), r.Says))
		}
	}
	if err != nil {
		return fmt.Errorf("%s does not serve the files as it should: %w", root, err)
	}
	return nil
}
