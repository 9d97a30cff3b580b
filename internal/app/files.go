package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomph/gomph/internal/kit/jobs"
)

// markFile lies in the folder of uploaded files. Its word is also in SQL: whoever serves or changes files must see the same folder,
// be it a local one or one that several hosts share (requirement E23). The dot keeps it from being a name that is served.
const markFile = ".folder_mark"

// shareFiles refuses to go on where other files lie than those that this server's database speaks of.
func (b *base) shareFiles(ctx context.Context, roles string) error {
	if b.Config.S3() || !b.Config.Postgres() || !strings.Contains(roles, "web") && !strings.Contains(roles, "worker") {
		return nil // the database lies beside the files, or the process does nothing with them
	}
	folder := filepath.Join(b.Config.Data, "system")
	// The word is in the folder before it is in SQL: read the other way round, a process that starts at the same moment might see only half.
	known, err := jobs.SharedFolder(ctx, b.DB, "system")
	if err != nil {
		return fmt.Errorf("looking where the files are: %w", err)
	}
	word, err := readMark(folder)
	if err != nil {
		return err
	}
	if known.Word == "" { // the first process of this server
		if word, err = makeMark(folder, word); err != nil {
			return err
		}
		host, _ := os.Hostname()
		if known, err = jobs.ShareFolder(ctx, b.DB, b.Clock, jobs.Mark{Folder: "system", Word: word, Host: host}); err != nil {
			return err
		}
	}
	return sameFolder(known, word, folder)
}

// sameFolder refuses a folder that is not the one of this server's files.
func sameFolder(known jobs.Mark, word, folder string) error {
	if known.Word == word {
		return nil
	}
	return fmt.Errorf("E23: this process would not see the files of this server, so that people would miss pictures. They lie where %s keeps them; %s is another folder. "+
		"Run web and workers on the host with the files, or share its folder with this host (by NFS, for example) and name it in GOMPH_DATA. "+
		"If these are the files, moved here on purpose: echo %s > %s", known.Host, folder, known.Word, filepath.Join(folder, markFile))
}

// readMark reads the word that lies in a folder; "" when there is none.
func readMark(folder string) (string, error) {
	text, err := os.ReadFile(filepath.Join(folder, markFile)) //nolint:gosec // in the admin's own folder
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the mark of the folder of files: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// makeMark puts a word into a folder that has none. Processes that start at once agree on one.
func makeMark(folder, word string) (string, error) {
	if word != "" {
		return word, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // as kit/blob makes it
		return "", fmt.Errorf("marking the folder of files: %w", err)
	}
	if err := putOnce(filepath.Join(folder, markFile), rand.Text()+"\n"); err != nil {
		return "", fmt.Errorf("marking the folder of files: %w", err)
	}
	return readMark(folder)
}
