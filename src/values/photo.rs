//! Photos: what somebody sent, drawn anew. What comes out is a plain JPEG of a known size, without anything that a
//! camera or a person has written beside the picture, and nothing that a browser would run. Pure.

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use std::io::Cursor;
use std::panic::catch_unwind;
use std::sync::{Mutex, PoisonError};

/// The most bytes of a photo as it comes.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;
/// The longest side of a photo as it comes, in pixels.
pub const LONGEST_SIDE: u32 = 12_000;
/// The most memory that a photo takes when it is unpacked: 25 million pixels of three bytes.
const MOST_UNPACKED: u64 = 75_000_000;
const QUALITY: u8 = 85;

/// Photos are unpacked one after the other: each may take its share of memory.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Why something is no photo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// Its first bytes are none that we know.
    #[error("it is no JPEG, PNG or WebP image; save it as one of these")]
    Unknown,
    /// It is too large to be unpacked.
    #[error("it is too large: {0}; make it smaller first")]
    TooLarge(String),
    /// It ends early, or is no such image after all.
    #[error("it can't be read as the image that it says to be; save it anew")]
    Broken,
}

/// Draws a photo anew, upright, its longer side at most `edge` pixels.
pub fn redraw(content: &[u8], edge: u32) -> Result<Vec<u8>, PhotoError> {
    if content.len() > MOST_BYTES {
        return Err(PhotoError::TooLarge(format!("it has {} bytes, and the most is {MOST_BYTES}", content.len())));
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // What is sent to a parser may reach a place that its makers had thought impossible.
    catch_unwind(|| draw(content, edge)).unwrap_or(Err(PhotoError::Broken))
}

fn draw(content: &[u8], edge: u32) -> Result<Vec<u8>, PhotoError> {
    let mut reader = ImageReader::new(Cursor::new(content)).with_guessed_format().map_err(|_| PhotoError::Unknown)?;
    if !matches!(reader.format(), Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) {
        return Err(PhotoError::Unknown);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_UNPACKED);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PhotoError::Broken);
    }
    if width > LONGEST_SIDE || height > LONGEST_SIDE || decoder.total_bytes() > MOST_UNPACKED {
        return Err(PhotoError::TooLarge(format!("it measures {width} by {height} pixels")));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(explain)?;
    if width > edge || height > edge {
        image = image.thumbnail(edge, edge);
    }
    image.apply_orientation(orientation);
    let mut drawn = Vec::new();
    JpegEncoder::new_with_quality(&mut drawn, QUALITY).encode_image(&on_white(image)).map_err(explain)?;
    Ok(drawn)
}

/// Without holes: what can be seen through is white behind.
fn on_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image = image.into_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = image.get_pixel(x, y).0;
        let over = |colour: u8| {
            let seen = u16::from(colour) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            u8::try_from(seen / 255).unwrap_or(u8::MAX)
        };
        Rgb([over(red), over(green), over(blue)])
    })
}

fn explain(error: ImageError) -> PhotoError {
    match error {
        ImageError::Limits(_) => {
            PhotoError::TooLarge(format!("a side may have {LONGEST_SIDE} pixels, and all of it 25 million"))
        }
        ImageError::Unsupported(_) => PhotoError::Unknown,
        _ => PhotoError::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgba;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn painting(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([200, 0, 0]) } else { Rgb([0, 0, 200]) }).into()
    }

    fn measure(drawn: &[u8]) -> (u32, u32) {
        let image = image::load_from_memory_with_format(drawn, ImageFormat::Jpeg).unwrap();
        (image.width(), image.height())
    }

    #[test]
    fn all_formats_become_jpeg_and_large_ones_small() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let drawn = redraw(&encoded(&painting(640, 320), format), 96).unwrap();
            assert_eq!(measure(&drawn), (96, 48), "{format:?}");
            assert_eq!(measure(&redraw(&encoded(&painting(20, 10), format), 96).unwrap()), (20, 10), "{format:?}");
        }
    }

    #[test]
    fn what_a_camera_wrote_is_gone_and_what_it_said_of_up_is_done() {
        // An APP1 segment: Exif, little endian, one entry: orientation (0x0112), short, 6 (turned right).
        let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        exif.extend_from_slice(b"Canon 51.5074N");
        let plain = encoded(&painting(80, 40), ImageFormat::Jpeg);
        let mut photo = plain[..2].to_vec();
        photo.extend_from_slice(&[0xff, 0xe1]);
        photo.extend_from_slice(&u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
        photo.extend_from_slice(&exif);
        photo.extend_from_slice(&plain[2..]);
        let drawn = redraw(&photo, 1024).unwrap();
        assert_eq!(measure(&drawn), (40, 80), "turned");
        let holds = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(holds(&photo, b"51.5074N") && !holds(&drawn, b"51.5074N") && !holds(&drawn, b"Exif"));
    }

    #[test]
    fn what_is_transparent_becomes_white() {
        let clear = image::RgbaImage::from_pixel(16, 16, Rgba([0, 0, 0, 0]));
        let drawn = redraw(&encoded(&clear.into(), ImageFormat::Png), 96).unwrap();
        let image = image::load_from_memory(&drawn).unwrap().into_rgb8();
        assert!(image.pixels().all(|pixel| pixel.0.iter().all(|&colour| colour > 250)));
    }

    #[test]
    fn what_is_no_photo_or_a_bomb_is_refused() {
        for (content, expected) in [
            (&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], PhotoError::Unknown),
            (b"GIF89a\x01\0\x01\0", PhotoError::Unknown),
            (b"", PhotoError::Unknown),
            (b"\xff\xd8\xff\xe0 not a JPEG", PhotoError::Broken),
            (b"\x89PNG\r\n\x1a\nnot much of a picture", PhotoError::Broken),
        ] {
            assert_eq!(redraw(content, 96), Err(expected), "{content:?}");
        }
        // A few bytes that would unpack to 7.5 GB, and some that unpack to just too much.
        let bomb = |width: u32, height: u32| {
            let mut png = encoded(&painting(1, 1), ImageFormat::Png);
            png[16..20].copy_from_slice(&width.to_be_bytes());
            png[20..24].copy_from_slice(&height.to_be_bytes());
            let crc = crc(&png[12..29]);
            png[29..33].copy_from_slice(&crc.to_be_bytes());
            png
        };
        for (width, height) in [(50_000, 50_000), (11_000, 11_000), (5_001, 5_000)] {
            assert!(matches!(redraw(&bomb(width, height), 96), Err(PhotoError::TooLarge(_))), "{width} x {height}");
        }
        assert!(matches!(redraw(&vec![0; MOST_BYTES + 1], 96), Err(PhotoError::TooLarge(_))));
        let whole = encoded(&painting(64, 64), ImageFormat::Png);
        for end in 8..whole.len() {
            // Cut anywhere, it is refused or drawn, and never worse.
            let _ = redraw(&whole[..end], 96);
        }
    }

    /// CRC-32 as PNG has it.
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
        })
    }
}
