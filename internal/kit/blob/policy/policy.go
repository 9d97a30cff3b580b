// Package policy owns the policies that a bucket of files needs: what strangers may do with it, and what the application may.
package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/kit/blob"
)

// Providers are the kinds of servers that policies are written for.
const (
	MinIO   = "minio"
	AWS     = "aws"
	Generic = "generic" // others that speak the protocol
)

// version is the language of policies; there is no later one.
const version = "2012-10-17"

// Options say for which bucket a policy is.
type Options struct {
	Bucket string
	// Prefix stands before every key, without slashes at its ends; "" for none.
	Prefix string
	// Provider is MinIO, AWS or Generic; "" is Generic.
	Provider string
}

type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal any `json:",omitempty"`
	Action    []string
	Resource  []string
	Condition any `json:",omitempty"`
}

// Anonymous is a bucket's policy: everybody may read the files that everybody may see when they know the name (requirement F4), and nothing
// else. Nobody lists (F5), and archives, backups and uploads as they came are not named, so that they stay closed.
func Anonymous(o Options) (string, error) {
	if err := o.check(); err != nil {
		return "", err
	}
	s := statement{Sid: "PublicFiles", Effect: "Allow", Principal: "*", Action: []string{"s3:GetObject"}}
	if o.Provider == MinIO {
		s.Principal = map[string][]string{"AWS": {"*"}}
	}
	for _, folder := range blob.Folders {
		s.Resource = append(s.Resource, o.objects(folder))
	}
	return text(document{version, []statement{s}})
}

// Application is the policy of the application's own key (an identity's, without a principal): everything on this bucket's files, nothing on
// others (requirement F7). Listing is a right on the bucket, all else one on objects.
func Application(o Options) (string, error) {
	if err := o.check(); err != nil {
		return "", err
	}
	objects := statement{Sid: "Files", Effect: "Allow", Resource: []string{o.objects("")},
		Action: []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}}
	if o.Provider != MinIO { // which has no access lists
		objects.Action = append(objects.Action, "s3:PutObjectAcl")
	}
	bucket := statement{Sid: "List", Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{"arn:aws:s3:::" + o.Bucket}}
	if o.Prefix != "" {
		bucket.Condition = map[string]any{"StringLike": map[string][]string{"s3:prefix": {o.Prefix + "/*"}}}
	}
	return text(document{version, []statement{objects, bucket}})
}

// Advice is what has to be done with a policy, beside putting it where it belongs: a sentence for who reads it.
func Advice(o Options, anonymous bool) string {
	switch {
	case anonymous && o.Provider == AWS:
		return "Put this into the bucket's Permissions, Bucket policy. Of Block Public Access switch off the two settings on bucket policies, keep the two on access lists, and set S3_PERMISSION to nothing."
	case anonymous && o.Provider == MinIO:
		return "Save this and run: mc anonymous set-json FILE ALIAS/" + o.Bucket
	case anonymous:
		return "Put this where the provider takes a policy of the bucket (S3: PutBucketPolicy), and set S3_PERMISSION to nothing where it takes no access lists."
	case o.Provider == AWS:
		return "Attach this to a user of its own in IAM, and use an access key of that user."
	case o.Provider == MinIO:
		return "Save this and run: mc admin policy create ALIAS gomph FILE, then mc admin policy attach ALIAS gomph --user USER."
	}
	return "Put this where the provider takes the policy of a user or key; where it offers only a choice, take read and write on this bucket alone."
}

// objects is the name of all objects below a folder.
func (o Options) objects(folder string) string {
	prefix := o.Prefix
	if prefix != "" {
		prefix += "/"
	}
	return "arn:aws:s3:::" + o.Bucket + "/" + prefix + folder + "*"
}

func (o *Options) check() error {
	o.Prefix = strings.Trim(o.Prefix, "/")
	if o.Bucket == "" || strings.ContainsAny(o.Bucket+o.Prefix, "*?$\"") {
		return fmt.Errorf("a policy is for one bucket, not %q", o.Bucket+"/"+o.Prefix)
	}
	if o.Provider == "" {
		o.Provider = Generic
	}
	if !slices.Contains([]string{MinIO, AWS, Generic}, o.Provider) {
		return fmt.Errorf("there is no provider %q; there are %s, %s and %s", o.Provider, MinIO, AWS, Generic)
	}
	return nil
}

func text(d document) (string, error) {
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return "", fmt.Errorf("writing a policy: %w", err)
	}
	return string(b) + "\n", nil
}
