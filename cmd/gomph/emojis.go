package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/media"
)

type emojisCmd struct {
	List   emojisListCmd   `cmd:"" help:"List the custom emojis."`
	Add    emojisAddCmd    `cmd:"" help:"Make a picture a custom emoji, or the new picture of one."`
	Import emojisImportCmd `cmd:"" help:"Make every picture of a folder or an archive one, named as its file."`
	Remove emojisRemoveCmd `cmd:"" help:"Take a custom emoji away; posts that have it keep its picture."`
}

type emojisListCmd struct{}

// Run lists this server's custom emojis.
func (*emojisListCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		all, err := a.Media.Emojis(e.ctx, a.DB)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
		for _, m := range all {
			_, _ = fmt.Fprintf(w, ":%s:\t%s\t%s\n", m.Shortcode, m.Category, a.Media.Addresses.Of(media.Emojis, m.Image, false))
		}
		return w.Flush()
	})
}

// emojiPlace is where clients show an emoji.
type emojiPlace struct {
	Category string `help:"The heading that clients show it under."`
	Unlisted bool   `help:"Leave it out of the clients' pickers."`
}

func (p emojiPlace) emoji(shortcode string) media.CustomEmoji {
	return media.CustomEmoji{Shortcode: shortcode, Category: p.Category, VisibleInPicker: !p.Unlisted}
}

type emojisAddCmd struct {
	Shortcode string `arg:"" help:"What stands between the colons."`
	File      string `arg:"" help:"A picture of at most 256 kB."`
	emojiPlace
}

// Run adds a custom emoji.
func (c *emojisAddCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		f, size, err := openPicture(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		return a.Media.AddEmoji(e.ctx, c.emoji(c.Shortcode), f, size)
	})
}

func openPicture(name string) (*os.File, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

type emojisImportCmd struct {
	Path   string `arg:"" help:"A folder, or a .tar.gz or .zip archive."`
	Prefix string `help:"Put before every name."`
	emojiPlace
}

const (
	// maxEmojis bounds how many pictures an archive may have, and twice as many files of any kind (MED-07).
	maxEmojis = 10_000
	// maxUnpacked bounds what an archive has unpacked, in bytes: large sets that people share have some tens of megabytes (MED-07).
	maxUnpacked = 128 << 20
)

var errUnpacked = fmt.Errorf("unpacked, there are more than %d MB", maxUnpacked>>20)

// Run adds the pictures of a folder or an archive. The names of files only become shortcodes; nothing is unpacked to disk (MED-07).
func (c *emojisImportCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		added, refused, unpacked := 0, 0, 0
		err := eachFile(c.Path, func(name string, body io.Reader) error {
			shortcode := c.Prefix + strings.TrimSuffix(path.Base(name), path.Ext(name))
			if added+refused >= maxEmojis {
				return fmt.Errorf("there are more than %d files", maxEmojis)
			}
			b, err := io.ReadAll(io.LimitReader(body, media.MaxEmoji+1))
			if unpacked += len(b); errors.Is(err, errUnpacked) || unpacked > maxUnpacked {
				return errUnpacked
			}
			if err == nil {
				err = a.Media.AddEmoji(e.ctx, c.emoji(shortcode), bytes.NewReader(b), int64(len(b)))
			}
			if err != nil {
				refused++
				_, _ = fmt.Fprintf(e.err, "%s: %v\n", name, err)
				return e.ctx.Err()
			}
			added++
			return nil
		})
		_, _ = fmt.Fprintf(e.out, "added %d, refused %d\n", added, refused)
		return err
	})
}

// isPicture leaves out what lies beside the pictures: lists, licences, hidden files.
func isPicture(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".gif", ".webp", ".jpg", ".jpeg":
		return !strings.HasPrefix(path.Base(name), ".")
	}
	return false
}

// eachFile hands the pictures of a folder or an archive over, one after another.
func eachFile(at string, use func(name string, body io.Reader) error) error {
	switch {
	case strings.HasSuffix(at, ".zip"):
		return eachZipped(at, use)
	case strings.HasSuffix(at, ".tar.gz"), strings.HasSuffix(at, ".tgz"):
		return eachTarred(at, use)
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !isPicture(entry.Name()) {
			continue
		}
		f, err := os.Open(filepath.Join(at, entry.Name()))
		if err != nil {
			return err
		}
		err = use(entry.Name(), f)
		_ = f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func eachZipped(at string, use func(name string, body io.Reader) error) error {
	z, err := openZip(at)
	if err != nil {
		return fmt.Errorf("reading %s: %w", at, err)
	}
	defer func() { _ = z.Close() }()
	for _, entry := range z.File {
		if !entry.Mode().IsRegular() || !isPicture(entry.Name) {
			continue
		}
		f, err := entry.Open()
		if err != nil {
			return fmt.Errorf("reading %s: %w", at, err)
		}
		err = use(entry.Name, f)
		_ = f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// openZip opens an archive of not too many files. They are counted first, by what each begins with in the list of all, since that list is read whole.
func openZip(at string) (*zip.ReadCloser, error) {
	f, err := os.Open(at)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	sign := []byte("PK\x01\x02")
	part, kept := make([]byte, 1<<20), 0
	for entries := 0; ; {
		n, err := f.Read(part[kept:])
		seen := part[:kept+n]
		if entries += bytes.Count(seen, sign); entries > 2*maxEmojis {
			return nil, fmt.Errorf("there are more than %d files", 2*maxEmojis)
		}
		kept = copy(part, seen[max(0, len(seen)-len(sign)+1):]) // one may begin at the end of a part
		if errors.Is(err, io.EOF) {
			return zip.OpenReader(at)
		}
		if err != nil {
			return nil, err
		}
	}
}

// bounded fails after so many bytes.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errUnpacked
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func eachTarred(at string, use func(name string, body io.Reader) error) error {
	f, err := os.Open(at)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("reading %s: %w", at, err)
	}
	t := tar.NewReader(&bounded{z, maxUnpacked})
	for entries := 0; ; entries++ {
		entry, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if entries > 2*maxEmojis {
			return fmt.Errorf("reading %s: there are more than %d files", at, 2*maxEmojis)
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", at, err)
		}
		if entry.Typeflag == tar.TypeReg && isPicture(entry.Name) {
			if err := use(entry.Name, t); err != nil {
				return err
			}
		}
	}
}

type emojisRemoveCmd struct {
	Shortcode string `arg:"" help:"What stands between the colons."`
}

// Run takes a custom emoji away.
func (c *emojisRemoveCmd) Run(e *env) error {
	return e.command(func(a *app.App) error { return a.Media.RemoveEmoji(e.ctx, c.Shortcode) })
}
