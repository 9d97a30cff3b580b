package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/db"
)

// A Named is a stored file that some row speaks of.
type Named struct {
	Name string
	// Size in bytes, -1 where no row says.
	Size int64
}

// namedPage is how many rows are read at a time when all are.
const namedPage = 2000

// a tableOfFiles is where rows name files: id, then pairs of a name and a size, -1 for unknown.
type tableOfFiles struct {
	name, statement string
	columns         int
	// still says that a file may have one beside it that does not move.
	still bool
}

// tablesOfFiles read pages of rows after an id, all of which name files. They read everything, seldom: when an admin asks.
var tablesOfFiles = []tableOfFiles{
	{"attachments", "SELECT id, file, file_size, thumbnail, -1, raw, -1 FROM media_attachments WHERE id > $1 AND (file <> '' OR thumbnail <> '' OR raw <> '') ORDER BY id LIMIT $2", 3, false},
	{"profiles", "SELECT id, avatar, -1, header, -1 FROM accounts WHERE id > $1 AND domain = '' ORDER BY id LIMIT $2", 2, true},
	{"emojis", "SELECT id, image, -1 FROM custom_emojis WHERE id > $1 AND domain = '' ORDER BY id LIMIT $2", 1, true},
	{"archives", "SELECT id, file, -1 FROM backups WHERE id > $1 AND file <> '' ORDER BY id LIMIT $2", 1, false},
}

// EachNamed tells of every stored file that a row speaks of, in no order.
func (s *Service) EachNamed(ctx context.Context, each func(Named) error) error {
	for _, t := range tablesOfFiles {
		if err := s.eachOf(ctx, t, each); err != nil {
			return fmt.Errorf("reading which files %s name: %w", t.name, err)
		}
	}
	i, err := s.Settings.Load(ctx, s.DB)
	if err != nil {
		return err
	}
	for _, name := range []string{i.Thumbnail, i.ThumbnailLarge} {
		if err := named(name, -1, true, each); err != nil {
			return err
		}
	}
	return s.eachKept(ctx, each)
}

func named(name string, size int64, still bool, each func(Named) error) error {
	if name == "" || isRemote(name) {
		return nil
	}
	if other := StillOf(name); still && other != name {
		if err := each(Named{other, -1}); err != nil {
			return err
		}
	}
	return each(Named{name, size})
}

func (s *Service) eachOf(ctx context.Context, t tableOfFiles, each func(Named) error) error {
	after := int64(0)
	for {
		type row struct {
			id    int64
			files []Named
		}
		list, err := db.All(ctx, s.DB, func(r db.Row) (row, error) {
			v := row{files: make([]Named, t.columns)}
			into := []any{&v.id}
			for i := range v.files {
				into = append(into, &v.files[i].Name, &v.files[i].Size)
			}
			return v, r.Scan(into...)
		}, t.statement, after, namedPage)
		if err != nil {
			return err
		}
		for _, v := range list {
			after = v.id
			for _, f := range v.files {
				if err := named(f.Name, f.Size, t.still, each); err != nil {
					return err
				}
			}
		}
		if len(list) < namedPage {
			return nil
		}
	}
}

func (s *Service) eachKept(ctx context.Context, each func(Named) error) error {
	after := ""
	for {
		list, err := db.All(ctx, s.DB, scanKept, "SELECT "+keptColumns+" FROM remote_files r WHERE r.key > $1 AND r.state = 'kept' ORDER BY r.key LIMIT $2", after, namedPage)
		if err != nil {
			return fmt.Errorf("reading which files of other servers are kept: %w", err)
		}
		for _, k := range list {
			after = k.key
			for _, name := range k.names() {
				if err := named(name, -1, false, each); err != nil {
					return err
				}
			}
		}
		if len(list) < namedPage {
			return nil
		}
	}
}

// What Verify finds of a file.
const (
	Missing  = "missing"  // a row speaks of it, and it is not there
	Orphaned = "orphaned" // it is there, and no row speaks of it
	Changed  = "changed"  // it has another size than the row says
)

// Verified is what was found when all files were compared with all rows.
type Verified struct{ Rows, Files, Missing, Orphaned, Changed int64 }

// orphanAge is from when on a file that no row speaks of is an orphan: younger ones may belong to a request that goes on.
const orphanAge = 24 * time.Hour

// digest stands for a name, so that millions fit into memory: 32 bytes each.
type digest struct {
	name [16]byte
	size int64
	seen bool
}

func digestOf(name string) (d [16]byte) {
	sum := sha256.Sum256([]byte(name))
	copy(d[:], sum[:])
	return d
}

// Verify compares the files that are stored with the rows that speak of them, and tells of each that does not fit (requirement F9). Pictures of
// custom emojis are never orphans, since posts name those that they were written with. Progress is told now and then; nil for nobody.
func (s *Service) Verify(ctx context.Context, files blob.Store, each func(what, name string) error, progress func(Verified)) (Verified, error) {
	var v Verified
	var all []digest
	err := s.EachNamed(ctx, func(n Named) error {
		all = append(all, digest{name: digestOf(n.Name), size: n.Size})
		v.Rows++
		if progress != nil && v.Rows%namedPage == 0 {
			progress(v)
		}
		return nil
	})
	if err != nil {
		return v, err
	}
	sort.Slice(all, func(i, j int) bool { return bytes.Compare(all[i].name[:], all[j].name[:]) < 0 })
	young := s.Clock.Now().Add(-orphanAge)
	err = files.Walk(ctx, "", "", func(i blob.Info) error {
		v.Files++
		if progress != nil && v.Files%namedPage == 0 {
			progress(v)
		}
		at, found := find(all, digestOf(i.Name))
		switch {
		case found && all[at].size > 0 && all[at].size != i.Size:
			all[at].seen = true
			v.Changed++
			return each(Changed, i.Name)
		case found:
			all[at].seen = true
		case !strings.HasPrefix(i.Name, images[Emojis].folder+"/") && i.ModTime.Before(young):
			v.Orphaned++
			return each(Orphaned, i.Name)
		}
		return nil
	})
	if err != nil {
		return v, fmt.Errorf("comparing files: %w", err)
	}
	// Names of those that were not seen are read again: only what stands for them was kept.
	err = s.EachNamed(ctx, func(n Named) error {
		at, found := find(all, digestOf(n.Name))
		if !found || all[at].seen {
			return nil
		}
		all[at].seen = true // once, if several rows speak of it
		if _, err := files.Stat(ctx, n.Name); err == nil {
			return nil // it came meanwhile
		}
		v.Missing++
		return each(Missing, n.Name)
	})
	return v, err
}

// find looks for a name among sorted ones.
func find(all []digest, name [16]byte) (int, bool) {
	return slices.BinarySearchFunc(all, name, func(d digest, name [16]byte) int { return bytes.Compare(d.name[:], name[:]) })
}

// Use is how much is stored of something.
type Use struct {
	What         string
	Files, Bytes int64
	// Remote says that it is of other servers.
	Remote bool
}

// Stored adds up what is stored by what it is, our own and others', and together. It lists all files; progress is told how many so far.
func Stored(ctx context.Context, files blob.Store, progress func(files int)) (all []Use, sum Use, err error) {
	err = files.Walk(ctx, "", "", func(i blob.Info) error {
		own, remote := strings.CutPrefix(i.Name, CacheFolder)
		what, _, _ := strings.Cut(own, "/")
		if what == "accounts" { // avatars and headers
			parts := strings.SplitN(own, "/", 3)
			what = strings.Join(parts[:2], "/")
		}
		at := slices.IndexFunc(all, func(u Use) bool { return u.What == what && u.Remote == remote })
		if at < 0 {
			all, at = append(all, Use{What: what, Remote: remote}), len(all)
		}
		all[at].Files, all[at].Bytes = all[at].Files+1, all[at].Bytes+i.Size
		sum.Files, sum.Bytes = sum.Files+1, sum.Bytes+i.Size
		if progress != nil && sum.Files%namedPage == 0 {
			progress(int(sum.Files))
		}
		return nil
	})
	if err != nil {
		return nil, sum, fmt.Errorf("adding up files: %w", err)
	}
	slices.SortFunc(all, func(a, b Use) int { return strings.Compare(a.What, b.What) })
	return all, sum, nil
}
