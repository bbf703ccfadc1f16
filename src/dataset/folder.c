// # A folder of pictures
//
// Users mostly have folders of PNG files. Concatenated, they form an array like that of an IDX file.

#include "folder.h"
#include "png.h"
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// ## Its files

static int
is_png (const struct dirent *entry)
{
  const size_t length = strlen (entry->d_name);
  return length > 4 && strcasecmp (entry->d_name + length - 4, ".png") == 0;
}

// By bytes, so that the order, and with it the data set, does not depend on the locale.

static int
by_bytes (const struct dirent **a, const struct dirent **b)
{
  return strcmp ((*a)->d_name, (*b)->d_name);
}

static void
free_names (struct dirent **names, int count)
{
  for (int k = 0; k < count; k++)
    free (names[k]);
  free (names);
}

// ## One after another

static int
append (const char *file, const char *first, const sb_bytes *image, size_t files, sb_bytes *all, sb_error *error)
{
  const size_t *is = image->shape.length, *was = all->shape.length;
  const size_t size = sb_shape_count (&image->shape, 0, SB_SOURCE_LIMIT);
  if (!all->data)
    {
      if (size > SB_SOURCE_LIMIT / files)
        SB_ERROR (error, GSL_EUNSUP, "%s: %zu such pictures are more than %zu bytes", file, files, SB_SOURCE_LIMIT);
      all->shape = image->shape;
      all->shape.length[0] = 0;
      all->data = malloc (files * size);
      if (!all->data)
        SB_ERROR (error, GSL_ENOMEM, "%s: no memory for %zu such pictures", file, files);
    }
  if (is[1] != was[1] || is[2] != was[2] || is[3] != was[3])
    SB_ERROR (error, GSL_EBADLEN, "%s: %zu x %zu pixels of %zu channels, and %s has %zu x %zu of %zu", file, is[1],
              is[2], is[3], first, was[1], was[2], was[3]);
  memcpy (all->data + all->shape.length[0]++ * size, image->data, size);
  return GSL_SUCCESS;
}

static int
add_file (const char *folder, const char *name, const char *first, size_t height, size_t files, sb_bytes *all,
          sb_error *error)
{
  sb_error own = { 0 };
  const size_t length = strlen (folder) + strlen (name) + 2;
  char *file = malloc (length);
  if (!file)
    SB_ERROR (error, GSL_ENOMEM, "%s: no memory for a name in it", folder);
  snprintf (file, length, "%s/%s", folder, name);
  error = error ? error : &own;
  sb_bytes *image = sb_png_read (file, error);
  if (image && height > 0)
    {
      sb_bytes *read = image;
      image = sb_bytes_resize (read, height, file, error);
      sb_bytes_free (read);
    }
  int status = image ? append (file, first, image, files, all, error) : error->code;
  sb_bytes_free (image);
  free (file);
  return status;
}

sb_bytes *
sb_folder_read (const char *path, size_t height, sb_error *error)
{
  struct dirent **names = NULL;
  const int count = scandir (path, &names, is_png, by_bytes);
  if (count < 0)
    SB_ERROR_NULL (error, errno == ENOMEM ? GSL_ENOMEM : GSL_EFAILED, "%s: %s", path, strerror (errno));
  sb_bytes *all = count > 0 ? calloc (1, sizeof *all) : NULL;
  int status = all ? GSL_SUCCESS
               : count > 0
                   ? sb_error_report (error, __FILE__, __LINE__, GSL_ENOMEM, "%s: no memory to read it", path)
                   : sb_error_report (error, __FILE__, __LINE__, GSL_EINVAL, "%s: a folder without PNG files", path);
  for (int k = 0; k < count && !status; k++)
    status = add_file (path, names[k]->d_name, names[0]->d_name, height, (size_t)count, all, error);
  free_names (names, count);
  if (!status)
    return all;
  sb_bytes_free (all);
  return NULL;
}
