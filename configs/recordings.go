package configs

import (
	"cmp"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Recordings is what is common to the recordings of all nodes.
type Recordings struct {
	// Copies is the absolute path of a folder for the copies of recordings that
	// browsers cannot play as they are, or that come through ARI. Several
	// daemons must share it. Empty for none: then only PCM WAV can be played.
	Copies string `yaml:"copies"`
}

// Library says where a node's recordings lie: in a directory, in a bucket, or
// with the PBX itself. The zero value says that nobody can get at them.
type Library struct {
	// Directory is the absolute path under which callbackd sees the files.
	Directory string `yaml:"directory"`
	S3        S3     `yaml:"s3"`
	// ARI has each recording fetched once through the PBX's REST interface.
	// That gives what ARI recorded, not MixMonitor's files.
	ARI bool `yaml:"ari"`
	// PBXDirectory is the folder of the files as the PBX names it; Directory
	// when omitted.
	PBXDirectory string `yaml:"pbx_directory"`
	// Purge has the files removed when their time to be kept is over, and not
	// only hidden.
	Purge bool `yaml:"purge"`
}

// OnPBX returns the folder of the files as the PBX names it.
func (l Library) OnPBX() string { return cmp.Or(l.PBXDirectory, l.Directory) }

// Configured reports whether there is a library at all.
func (l Library) Configured() bool { return l.Directory != "" || l.S3.Configured() || l.ARI }

// S3 says where a bucket is.
type S3 struct {
	// Endpoint is the URL of the service, without a path.
	Endpoint string `yaml:"endpoint"`
	Bucket   string `yaml:"bucket"`
	// Prefix is what the keys begin with: a key is prefix, slash, and the name
	// of the file within PBXDirectory. Empty for nothing.
	Prefix string `yaml:"prefix"`
	// Region is asked of the service when omitted.
	Region    string `yaml:"region"`
	AccessKey string `yaml:"access_key"`
	SecretKey Secret `yaml:"secret_key"`
	// SecretKeyFile names a file that holds the secret key.
	SecretKeyFile string `yaml:"secret_key_file"`
}

// Configured reports whether a bucket is named.
func (s S3) Configured() bool { return s.Endpoint != "" || s.Bucket != "" }

// SecretKeyVariable returns the name of the environment variable that may hold
// the secret key of the node's bucket.
func (p PBX) SecretKeyVariable() string {
	return strings.TrimSuffix(p.PasswordVariable(), "PASSWORD") + "S3_SECRET_KEY"
}

// Retention says how long the recordings of a call center are kept.
type Retention struct {
	// KeepDays is how many days after its call a recording is kept; 0 for ever.
	KeepDays Days `yaml:"keep_days"`
}

// Days is a number of days, at least one.
type Days int

// maxDays is a hundred years.
const maxDays = 36500

// UnmarshalText accepts whole numbers from 1.
func (d *Days) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || n > maxDays {
		return fmt.Errorf("%s is not a number of days: write a whole number from 1 to %d, or leave it out",
			quote(string(text)), maxDays)
	}
	*d = Days(n)
	return nil
}

// bucketName is S3's rule for the names of buckets.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// absolute reports a path that is not absolute, unless it is empty.
func (v *validator) absolute(path, dir string) {
	if dir != "" && v.sound(path) && !filepath.IsAbs(dir) {
		v.report(path, "%s is a relative path: write the absolute one", quote(dir))
	}
}

// library checks where the recordings of a node lie. hasCopies says that there
// is a folder for copies.
func (v *validator) library(path string, l Library, hasCopies bool) {
	v.absolute(path+".directory", l.Directory)
	v.absolute(path+".pbx_directory", l.PBXDirectory)
	var ways []string
	for _, way := range []struct {
		name string
		set  bool
	}{{"directory", l.Directory != ""}, {"s3", l.S3 != S3{}}, {"ari", l.ARI}} {
		if way.set {
			ways = append(ways, way.name)
		}
	}
	switch {
	case len(ways) > 1:
		v.report(path, "%s are set: keep one of them, where the recordings of this node lie", strings.Join(ways, " and "))
	case len(ways) == 0 && l != Library{} && v.sound(path+".directory") && v.sound(path+".s3") && v.sound(path+".ari"):
		v.report(path, "it is not said where recordings lie: write directory, s3 or ari")
	case l.ARI && l.PBXDirectory != "":
		v.report(path+".pbx_directory", "means nothing with ari, which gives only what ARI itself recorded: leave it out")
	case l.ARI && l.Purge:
		v.report(path+".purge", "is not possible with ari: remove the recordings on the PBX")
	case l.ARI && !hasCopies && v.sound("recordings.copies"):
		v.report(path+".ari", "recordings that come through ARI need a folder to be kept in: set recordings.copies")
	}
	if (l.S3 != S3{}) {
		v.bucket(path, l)
	}
}

func (v *validator) bucket(path string, l Library) {
	if l.PBXDirectory == "" && v.sound(path+".pbx_directory") {
		v.report(path+".pbx_directory", "is missing: write the folder of the recordings as the PBX names it, "+
			"such as /var/spool/asterisk/recording")
	}
	path += ".s3"
	v.shape(path+".bucket", l.S3.Bucket, bucketName, "the name of a bucket", "3 to 63 small letters, digits, dots and hyphens")
	if l.S3.AccessKey == "" && v.sound(path+".access_key") {
		v.report(path+".access_key", "is missing: write the one of a user that may list and read the bucket, "+
			"and remove objects if purge is set")
	}
	if strings.HasPrefix(l.S3.Prefix, "/") || strings.Contains(l.S3.Prefix, "//") || strings.Contains(l.S3.Prefix, "..") {
		v.report(path+".prefix", "%s is not the beginning of a key: write it as recordings/pbx1", quote(l.S3.Prefix))
	}
	path += ".endpoint"
	if !v.sound(path) {
		return
	}
	u, err := url.Parse(l.S3.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		v.report(path, "the endpoint is not the URL of a service: write https://host or https://host:port")
	}
}
